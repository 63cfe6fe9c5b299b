"""Shapley shares against all orders of the players, and the axioms that define them."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from mmlab.question.shares import MOST_PLAYERS, all_sets, shapley_shares


def any_game(players, seed=0, games=()):
    random = np.random.default_rng(seed)
    return {one: random.normal(size=games) * bool(one) for one in all_sets(players)}


def by_all_orders(value, players):
    """The definition: what each adds when it comes, as a mean over all orders."""
    orders = list(permutations(range(players)))
    shares = np.zeros(players)
    for order in orders:
        for place, player in enumerate(order):
            before = frozenset(order[:place])
            shares[player] += value[before | {player}] - value[before]
    return shares / len(orders)


@pytest.mark.parametrize("players", [1, 2, 3, 5])
def test_shares_are_those_of_all_orders(players):
    value = any_game(players, seed=players)
    found = shapley_shares(value, players)
    np.testing.assert_allclose(found, by_all_orders(value, players), atol=1e-12)


def test_shares_add_up_to_what_all_are_worth():
    value = any_game(5)
    assert shapley_shares(value, 5).sum() == pytest.approx(value[frozenset(range(5))])
    value[frozenset()] = 2.0
    assert shapley_shares(value, 5).sum() == pytest.approx(value[frozenset(range(5))] - 2.0)


def test_who_adds_the_same_to_every_set_has_the_same_share():
    value = any_game(3)
    value[frozenset({1})] = value[frozenset({0})]
    value[frozenset({1, 2})] = value[frozenset({0, 2})]
    shares = shapley_shares(value, 3)
    assert shares[0] == pytest.approx(shares[1])
    assert shares[0] != pytest.approx(shares[2])


def test_who_adds_nothing_has_no_share():
    value = any_game(3)
    nobody = {one: value[one - {1}] for one in value}
    shares = shapley_shares(nobody, 3)
    assert shares[1] == pytest.approx(0)
    np.testing.assert_allclose(shares[[0, 2]].sum(), value[frozenset({0, 2})])


def test_known_answers():
    assert shapley_shares({frozenset(): 0, frozenset({0}): 3}, 1) == pytest.approx([3])
    glove = {one: float(0 in one and len(one) > 1) for one in all_sets(3)}  # one left, two right
    np.testing.assert_allclose(shapley_shares(glove, 3), [2 / 3, 1 / 6, 1 / 6])


def test_many_games_at_once_are_as_each_alone():
    value = any_game(3, games=(4,))
    together = shapley_shares(value, 3)
    assert together.shape == (3, 4)
    for game in range(4):
        alone = shapley_shares({one: worth[game] for one, worth in value.items()}, 3)
        np.testing.assert_allclose(together[:, game], alone)


def test_a_function_is_asked_for_every_set_once():
    value, asked = any_game(3), []

    def worth(one):
        asked.append(one)
        return value[one]

    np.testing.assert_allclose(shapley_shares(worth, 3), shapley_shares(value, 3))
    assert sorted(map(sorted, asked)) == sorted(map(sorted, value))


@pytest.mark.parametrize("players", [0, MOST_PLAYERS + 1])
def test_too_few_or_many_players_are_named(players):
    with pytest.raises(ValueError, match=f"players .* 1 to 12, found {players}"):
        shapley_shares(lambda one: 0.0, players)


def test_a_set_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"nothing for \[\[0, 1\]\]"):
        shapley_shares({frozenset(): 0, frozenset({0}): 1, frozenset({1}): 1}, 2)
