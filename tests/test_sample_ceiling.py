from itertools import product

import numpy as np
import pytest

from mmlab.sample.captions import CONFUSED
from mmlab.sample.ceiling import (
    Observation,
    beliefs,
    ceiling_table,
    chance_scores,
    expected_scores,
    likelihood_ratios,
)
from mmlab.sample.plan import plan_video
from mmlab.sample.vocabulary import ATTRIBUTES, concepts
from mmlab.sample.world import ABOUT_THE_STEP


def observations(count):
    steps = [step for index in range(3, 9) for step in plan_video(1, index).steps][:count]
    return [
        Observation(
            step.written,
            step.seen,
            step.attributes["action"] if step.sound == "clear" else None,
            step.narrated,
        )
        for step in steps
    ]


def probability(observation, combination, state):
    """P(what a combination shows | the state of the world), from the generator's rules."""
    result = 1.0
    if "text" in combination:
        for name, concept in observation.written.items():
            wrong = CONFUSED / (len(concepts(name)) - 1)
            result *= 1 - CONFUSED if state[name] == concept else wrong
    if "video" in combination:
        result *= all(state[name] == concept for name, concept in observation.seen.items())
    if "audio" in combination:
        if observation.sounding_action is not None:
            result *= state["action"] == observation.sounding_action
        true = all(state[name] == concept for name, concept in observation.narrated.items())
        by_chance = np.prod([1 / len(concepts(name)) for name in observation.narrated])
        result *= ABOUT_THE_STEP * true + (1 - ABOUT_THE_STEP) * by_chance
    return float(result)


@pytest.mark.parametrize(
    ("query", "gallery"),
    [
        (("text",), ("video", "audio")),
        (("text", "audio"), ("video",)),
        (("audio",), ("text",)),
    ],
)
def test_scores_equal_an_enumeration_of_all_states(query, gallery):
    seen = observations(4)
    states = [
        dict(zip(ATTRIBUTES, values, strict=True))
        for values in product(*(concepts(name) for name in ATTRIBUTES))
    ]
    left = np.array([[probability(o, query, state) for state in states] for o in seen])
    right = np.array([[probability(o, gallery, state) for state in states] for o in seen])
    slow = (left @ right.T / len(states)) / np.outer(left.mean(axis=1), right.mean(axis=1))
    fast = likelihood_ratios(beliefs(seen, query), beliefs(seen, gallery))
    assert fast == pytest.approx(slow, rel=1e-9, abs=1e-12)


def test_ties_are_broken_at_random_in_expectation():
    scores = np.random.default_rng(0).integers(0, 4, (30, 30)).astype(float)
    generator = np.random.default_rng(1)
    ranks = []
    for _ in range(2000):
        broken = scores + generator.random(scores.shape) * 0.5
        ranks.append(1 + (broken > np.diagonal(broken)[:, None]).sum(axis=1))
    sampled = np.concatenate(ranks)
    expected = expected_scores(scores)
    for k in (1, 5, 10):
        assert expected[f"R@{k}"] == pytest.approx(100 * np.mean(sampled <= k), abs=0.5)
    assert expected["MedR"] == pytest.approx(np.median(sampled), abs=1)


def test_chance_is_k_of_n():
    assert chance_scores(20) == pytest.approx({"R@1": 5, "R@5": 25, "R@10": 50, "MedR": 10})
    assert chance_scores(3)["R@10"] == 100


def test_beliefs_are_probabilities():
    believed = beliefs(observations(12), ("text", "video", "audio"))
    assert believed.weights.sum(axis=1) == pytest.approx(1)
    for posterior in believed.posteriors.values():
        possible = believed.weights > 0
        assert posterior.sum(axis=2)[possible] == pytest.approx(1)


def test_nothing_observed_ranks_by_chance():
    silent = [Observation({}, {}, None, {})] * 10
    table = ceiling_table(silent)
    assert table.loc["text → video+audio", "R@1"] == pytest.approx(10)
    assert table.loc["chance", "R@1"] == pytest.approx(10)


def test_all_disjoint_directions_are_there_and_no_modality_is_enough():
    steps = [s for i in range(300) if (v := plan_video(0, i)).task.split == "test" for s in v.steps]
    seen = [
        Observation(
            s.written, s.seen, s.attributes["action"] if s.sound == "clear" else None, s.narrated
        )
        for s in steps
    ]
    table = ceiling_table(seen)
    assert len(table) == 12 + 1
    recall = table["R@1"]
    single = max(recall["text → video"], recall["text → audio"])
    assert recall["text → audio"] > 10 * recall["chance"]
    assert recall["text → video+audio"] > single + 5
    assert recall["text → video+audio"] < 80
