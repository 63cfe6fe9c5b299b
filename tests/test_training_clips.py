"""What a training batch holds: which clips, in which order, cut where."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from mmlab.training import TrainConfig
from mmlab.types import Batch
from tests.training_cases import (
    CONFIG,
    FRAME_UNIT,
    TRAINED,
    Recorded,
    narrated_dataset,
    tiny_dataset,
    tiny_model,
    trained,
)

EXACT = replace(CONFIG, epochs=2, jitter_seconds=0.0, word_dropout=0.0)
RANDOM = replace(CONFIG, epochs=3, clips="corrected", batch_clips=6, clips_per_video=3)
VIDEOS = 6


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def narrated(tmp_path_factory):
    return narrated_dataset(tmp_path_factory.mktemp("narrated"), VIDEOS)


def batches_of(dataset, run, config: TrainConfig) -> list[Batch]:
    """Every batch that a model is trained on."""
    model = tiny_model(kind=Recorded)
    trained(dataset, run, config, model=model)
    return model.batches


def places(batch: Batch) -> list[tuple[int, float, float]]:
    """Of each clip its medium, and the seconds at which its picture and its sound begin."""
    video, audio = batch["video"].values, batch["audio"].values
    media = (video[:, 0, 0] * 8).round().int().tolist()
    sounds = (-audio[:, 0, 1] * FRAME_UNIT / 100).tolist()
    return list(zip(media, (video[:, 0, 1] * 8).tolist(), sounds, strict=True))


def lengths(batch: Batch, name: str) -> list[int]:
    return batch[name].mask.sum(dim=1).tolist()


def same(one: list[Batch], other: list[Batch]) -> bool:
    return len(one) == len(other) and all(
        left[name].values.equal(right[name].values)
        for left, right in zip(one, other, strict=True)
        for name in left
    )


# The dataset's own clips


def test_every_clip_comes_once_an_epoch_as_it_is(dataset, tmp_path):
    found = batches_of(dataset, tmp_path / "run", EXACT)
    assert len(found) == 6
    rows = []
    for batch in found:
        chosen = [2 * number + (second > 2) for number, second, _ in places(batch)]
        expected = dataset.batch(chosen)
        for name, tokens in expected.items():
            assert batch[name].values.equal(tokens.values)
            assert batch[name].mask.equal(tokens.mask)
        rows.append(chosen)
    first, second = sum(rows[:3], []), sum(rows[3:], [])
    assert sorted(first) == sorted(second) == list(range(2 * TRAINED))
    assert first != second
    assert first != sorted(first)


def test_the_order_depends_on_the_seed_only(dataset, tmp_path):
    first = batches_of(dataset, tmp_path / "one", CONFIG)
    for number, changes in enumerate(
        ({"loaders": 0}, {"loaders": 3}, {"learning_rate": 1e-5}, {"precision": "bfloat16"})
    ):
        other = batches_of(dataset, tmp_path / f"same{number}", replace(CONFIG, **changes))
        assert same(first, other), changes
    assert not same(first, batches_of(dataset, tmp_path / "two", replace(CONFIG, seed=1)))


def test_a_short_last_batch_is_left_out(dataset, tmp_path):
    found = batches_of(dataset, tmp_path / "run", replace(EXACT, batch_clips=7, epochs=6))
    assert [len(batch["text"].mask) for batch in found] == [7] * 18
    counts = Counter(place[:2] for batch in found for place in places(batch))
    assert len(counts) == 2 * TRAINED  # not always the same ones are left out


def test_a_batch_larger_than_the_dataset_is_all_of_it(dataset, tmp_path):
    found = batches_of(dataset, tmp_path / "run", replace(EXACT, batch_clips=100))
    assert [len(batch["text"].mask) for batch in found] == [2 * TRAINED] * 2


def test_windows_move_by_up_to_the_jitter_at_both_ends(dataset, tmp_path):
    config = replace(EXACT, epochs=8, jitter_seconds=0.8)
    starts, ends = [], []
    for batch in batches_of(dataset, tmp_path / "run", config):
        for place, frames in zip(places(batch), lengths(batch, "audio"), strict=True):
            _, picture, sound = place
            clip = (1.0, 3.0) if picture < 4 else (5.0, 8.0)
            starts.append(sound - clip[0])
            ends.append(sound + frames / 100 - clip[1])
            assert picture - 0.05 < sound < picture + 1  # the same window
    for moves in (np.array(starts), np.array(ends)):
        assert np.abs(moves).max() <= 0.8 + 0.05  # a frame is 25 ms long
        assert moves.min() < -0.5
        assert moves.max() > 0.5
    assert abs(np.corrcoef(starts, ends)[0, 1]) < 0.3  # independently


def test_words_are_left_out_at_random(dataset, tmp_path):
    config = replace(EXACT, epochs=8, word_dropout=0.4)
    kept = total = 0
    counts = set()
    for batch in batches_of(dataset, tmp_path / "run", config):
        rows = [2 * number + (second > 2) for number, second, _ in places(batch)]
        whole = dataset.batch(rows)["text"]
        for item, words in enumerate(lengths(batch, "text")):
            left = iter(whole.values[item][whole.mask[item]])
            for vector in batch["text"].values[item, :words]:  # in the same order
                assert any(vector.equal(other) for other in left)
            assert words > 0
            kept, total = kept + words, total + int(whole.mask[item].sum())
            counts.add(words)
    assert 0.5 < kept / total < 0.7
    assert len(counts) > 2


def test_sound_is_shifted_where_the_medium_has_it(dataset, tmp_path):
    """Of 10 s: from 1 s only later fits, from 5 s to 8 s only earlier; by 9 s nothing fits."""
    for shift, expected in ((4.0, {1: 5.0, 5: 1.0}), (9.0, {1: 1.0, 5: 5.0})):
        config = replace(EXACT, audio_shift_seconds=shift)
        found = batches_of(dataset, tmp_path / f"by{shift}", config)
        for batch in found:
            for place, frames in zip(places(batch), lengths(batch, "audio"), strict=True):
                _, picture, sound = place
                assert sound == pytest.approx(expected[int(picture)], abs=0.03)
                assert frames / 100 == pytest.approx(2.0 if picture < 4 else 3.0, abs=0.03)


def test_sound_that_fits_both_ways_is_shifted_both_ways(dataset, tmp_path):
    config = replace(EXACT, epochs=6, audio_shift_seconds=1.0)
    found = batches_of(dataset, tmp_path / "run", config)
    moves = {round(sound - picture) for batch in found for _, picture, sound in places(batch)}
    assert moves == {-1, 1}


# Random clips of videos


@pytest.mark.parametrize("clips", ["published", "corrected"])
def test_random_clips_cover_every_video_once_an_epoch(narrated, tmp_path, clips):
    config = replace(RANDOM, clips=clips)
    found = batches_of(narrated, tmp_path / "run", config)
    assert len(found) == 9
    orders = []
    for epoch in range(3):
        order = []
        for batch in found[3 * epoch :][:3]:
            media = (batch["video"].values[:, 0, 0] * 8).round().int().tolist()
            assert media[0:3] == [media[0]] * 3  # three clips of each of two videos
            assert media[3:6] == [media[3]] * 3
            order += [media[0], media[3]]
        assert sorted(order) == list(range(VIDEOS))
        orders.append(tuple(order))
    assert len(set(orders)) > 1


@pytest.mark.parametrize("clips", ["published", "corrected"])
def test_random_clips_depend_on_the_seed_and_the_epoch(narrated, tmp_path, clips):
    config = replace(RANDOM, clips=clips)
    first = batches_of(narrated, tmp_path / "one", config)
    assert same(first, batches_of(narrated, tmp_path / "again", replace(config, loaders=3)))
    assert not same(first, batches_of(narrated, tmp_path / "other", replace(config, seed=1)))
    drawn = []
    for batch in first:
        media, starts = batch["video"].values[:, 0, 0], batch["video"].values[:, 0, 1] * 8
        drawn += [(m, s) for m, s in zip(media.tolist(), starts.tolist(), strict=True)]
    assert len(set(drawn)) > len(drawn) / 3  # not the same windows again and again


def test_published_clips_are_cut_as_in_published_training(narrated, tmp_path):
    config = replace(RANDOM, clips="published", epochs=4)
    for batch in batches_of(narrated, tmp_path / "run", config):
        assert max(lengths(batch, "video")) <= 12
        assert max(lengths(batch, "audio")) <= 768


def test_random_clips_can_be_learned_from(narrated, tmp_path):
    torch.manual_seed(0)
    assert trained(narrated, tmp_path / "run", replace(RANDOM, chunk_clips=2)).steps == 9


def test_too_few_videos_are_named(narrated, tmp_path):
    one = narrated.select(media_id="video0")
    config = replace(RANDOM, clips_per_video=1, batch_clips=2)
    with pytest.raises(ValueError, match="1 videos|1 video"):
        trained(one, tmp_path / "run", config)
