import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from mmlab.sample import world
from mmlab.sample.captions import CONFUSED, MENTIONED, write_caption
from mmlab.sample.plan import plan_video
from mmlab.sample.vocabulary import ATTRIBUTES, VOCABULARY, concepts, held_out_pairs, spoken_words


@pytest.fixture(scope="module")
def videos():
    return [plan_video(0, index) for index in range(300)]


@pytest.fixture(scope="module")
def steps(videos):
    return [step for video in videos for step in video.steps]


def assert_share(flags, share):
    """Within four standard deviations of a fair draw."""
    bound = 4 * np.sqrt(share * (1 - share) / len(flags))
    assert np.mean(flags) == pytest.approx(share, abs=bound)


def test_a_video_is_a_function_of_seed_and_index_alone():
    assert plan_video(3, 17) == plan_video(3, 17)
    assert plan_video(3, 17) != plan_video(4, 17)


def test_a_process_of_other_hashes_makes_the_same_plan():
    program = (
        "from mmlab.sample.plan import plan_video;"
        "print([plan_video(0, index) for index in range(60)])"
    )
    other = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == repr([plan_video(0, index) for index in range(60)])


def test_no_word_belongs_to_two_concepts():
    words = [w for a in ATTRIBUTES for names in VOCABULARY[a].values() for w in names]
    assert len(words) == len(set(words))
    assert len(set(spoken_words())) == len(spoken_words())


def test_splits_are_by_task_and_in_proportion(videos):
    splits = {video.task.task_id: video.task.split for video in videos}
    assert Counter(splits.values()) == {"train": 65, "validation": 10, "test": 25}
    for video in videos:
        assert splits[video.task.task_id] == video.task.split


def test_test_pairs_never_occur_elsewhere_but_their_parts_do_often(videos):
    def pairs(test):
        return [
            (step.attributes["action"], step.attributes["ingredient"])
            for video in videos
            if (video.task.split == "test") == test
            for step in video.steps
        ]

    assert set(pairs(test=True)) <= held_out_pairs(0)
    assert not set(pairs(test=False)) & held_out_pairs(0)
    actions, ingredients = (Counter(side) for side in zip(*pairs(test=False), strict=True))
    assert set(actions) == set(concepts("action"))
    assert set(ingredients) == set(concepts("ingredient"))
    assert min(actions.values()) > 50
    assert min(ingredients.values()) > 30


def test_a_quarter_of_the_pairs_is_held_out_evenly():
    held_out = held_out_pairs(5)
    assert len(held_out) == 40
    assert set(Counter(action for action, _ in held_out).values()) == {4}
    assert set(Counter(ingredient for _, ingredient in held_out).values()) == {2, 3}


def test_every_time_is_a_frame_and_in_order(videos):
    for video in videos:
        assert 4 <= len(video.steps) <= 7
        edges = [video.title_end_seconds]
        edges += [edge for s in video.steps for edge in (s.start_seconds, s.end_seconds)]
        edges.append(video.duration_seconds)
        assert all(a < b for a, b in pairwise(edges))
        assert all((edge * world.FRAMES_PER_SECOND).is_integer() for edge in edges)
        for step in video.steps:
            assert 3 <= step.end_seconds - step.start_seconds <= 8
            assert step.start_seconds < step.action_start_seconds
            assert step.action_end_seconds < step.end_seconds
        pauses = [b.start_seconds - a.end_seconds for a, b in pairwise(video.steps)]
        assert all(0.4 < pause < 2 for pause in pauses)


def test_words_stay_near_their_moment_and_never_overlap(videos):
    for video in videos:
        words = sorted((w for s in video.steps for w in s.words), key=lambda w: w.start_seconds)
        assert all(a.end_seconds <= b.start_seconds for a, b in pairwise(words))
        assert video.title_end_seconds <= words[0].start_seconds
        assert words[-1].end_seconds <= video.duration_seconds
        for step in video.steps:
            for word in step.words:
                middle = (word.start_seconds + word.end_seconds) / 2
                assert abs(middle - word.moment_seconds) <= world.FARTHEST_WORD_SECONDS + 1e-3
            others = [s for s in video.steps if s is not step]
            for word in step.words:  # nobody talks of this step during another one
                for other in others:
                    apart = word.end_seconds <= other.start_seconds
                    assert apart or other.end_seconds <= word.start_seconds


def test_some_words_are_heard_in_the_pause_and_not_in_the_clip(steps):
    spoken = sum(len(step.words) for step in steps)
    heard = sum(len(step.heard_words) for step in steps)
    assert 0.6 * spoken < heard < 0.9 * spoken


def test_what_is_seen_and_heard_keeps_its_share(steps):
    assert_share([step.action_seen for step in steps], world.ACTION_SEEN)
    off_screen = [step for step in steps if not step.action_seen]
    covered = [not step.ingredient_seen for step in off_screen]
    assert_share(covered, world.COVERED_WHEN_OFF_SCREEN)
    assert_share([step.sound == "clear" for step in steps], world.ACTION_HEARD)
    assert_share([step.about_the_step for step in steps], world.ABOUT_THE_STEP)
    assert all(step.ingredient_seen for step in steps if step.action_seen)


def test_truthful_narration_names_what_the_step_is_about(steps):
    for step in steps:
        if step.about_the_step:
            assert step.narrated.items() <= step.attributes.items()
    others = [step for step in steps if not step.about_the_step and step.narrated]
    assert np.mean([s.narrated.items() <= s.attributes.items() for s in others]) < 0.2


def test_captions_mention_and_confuse_in_their_shares(steps):
    for name, share in MENTIONED.items():
        told = np.mean([name in step.written for step in steps])
        assert told == pytest.approx(share, abs=0.06)
    right = [step.written[a] == step.attributes[a] for step in steps for a in step.written]
    assert_share(right, 1 - CONFUSED)


def test_a_caption_says_what_it_is_said_to_say():
    generator = np.random.default_rng(0)
    attributes = {name: concepts(name)[1] for name in ATTRIBUTES}
    owners = {w: (a, c) for a in ATTRIBUTES for c, ws in VOCABULARY[a].items() for w in ws}
    for _ in range(200):
        caption, written = write_caption(attributes, generator)
        singular = caption.replace("carrots", "carrot").split()
        found = dict(owners[word] for word in singular if word in owners)
        assert found.items() <= written.items()
        assert {a: c for a, c in written.items() if a != "ingredient"}.items() <= found.items()
