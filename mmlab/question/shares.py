"""Who brought about how much of a score: exact Shapley shares (Shapley 1953).

A game gives a value to every set of its players. A player's share is what it adds to the set of
those that came before it, as a mean over all orders in which the players may come. The shares add
up to the value of all players.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from math import factorial

import numpy as np

Players = frozenset[int]
"""Some of the players, by their numbers from 0."""

MOST_PLAYERS = 12
"""Of so many there are 4,096 sets, each with a value of its own."""


def all_sets(players: int) -> Iterator[Players]:
    """Every set of some players, the empty one first, the smaller ones before the larger."""
    for size in range(players + 1):
        yield from map(frozenset, combinations(range(players), size))


def shapley_shares(
    value: Callable[[Players], float | np.ndarray] | Mapping[Players, float | np.ndarray],
    players: int,
) -> np.ndarray:
    """The exact share of each player.

    Args:
        value: what a set of players is worth, the empty set included: a number, or an array of
            any one shape for as many games at once.
        players: how many there are, numbered from 0.

    Returns:
        (players, ...) float64; they add up to what all are worth without what nobody is worth.

    Raises:
        ValueError: no player, or more than `MOST_PLAYERS`; a mapping that lacks a set.
    """
    if not 1 <= players <= MOST_PLAYERS:
        raise ValueError(f"players is how many there are, 1 to {MOST_PLAYERS}, found {players}")
    sets = list(all_sets(players))
    if isinstance(value, Mapping):
        lacking = [sorted(one) for one in sets if one not in value]
        if lacking:
            raise ValueError(f"value has nothing for {lacking[:3]}; give every set of players")
        value = value.__getitem__
    worth = np.stack([np.asarray(value(one), float) for one in sets])  # (2^n, ...)
    return np.tensordot(_weights(sets, players), worth, axes=1)


def _weights(sets: list[Players], players: int) -> np.ndarray:
    """(players, 2^n): how the shares are made of the sets' values.

    A set of s others comes before a player in s! (n - 1 - s)! of the n! orders.
    """
    weights = np.zeros((players, len(sets)))
    for column, one in enumerate(sets):
        for player in range(players):
            others = len(one - {player})
            orders = factorial(others) * factorial(players - 1 - others)
            weights[player, column] = orders if player in one else -orders
    return weights / factorial(players)
