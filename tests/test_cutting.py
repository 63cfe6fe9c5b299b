"""Which tokens belong to a part of a medium: on grids, by seconds, in streams."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from mmlab.about import FeatureInfo, StreamInfo
from mmlab.cutting import Grid, cut, overlapping, token_span
from mmlab.features import seconds_to_frame

REFERENCE = Path(__file__).parents[1].parent / "shared" / "reference" / "data_and_metrics.npz"
PUBLISHED = FeatureInfo(
    "resnet152+resnext101", 5, 1.5, streams=(StreamInfo("2d", 2, 1.0), StreamInfo("3d", 3, 1.5))
)


def random_tokens(count: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed)).half()


def slow_overlapping(seconds: np.ndarray, start: float, end: float) -> list[int]:
    return [number for number, (begin, stop) in enumerate(seconds) if begin < end and stop > start]


@pytest.mark.parametrize("seed", range(20))
def test_explicit_seconds_take_all_that_is_touched(seed):
    generator = np.random.default_rng(seed)
    starts = np.sort(generator.uniform(0, 20, 12))
    seconds = np.stack([starts, np.maximum.accumulate(starts + generator.uniform(0.1, 3, 12))], 1)
    for start, length in generator.uniform([-3, 0.01], [25, 4], (50, 2)):
        first, last = overlapping(seconds, start, start + length)
        expected = slow_overlapping(seconds, start, start + length)
        if expected:
            assert list(range(first, last)) == expected
        else:  # one neighbour
            assert last - first == 1


def test_explicit_seconds_come_with_the_tokens():
    tokens = random_tokens(3, 4)
    seconds = torch.tensor([[0.0, 1.0], [5.0, 6.0], [6.0, 9.0]])
    medium = {"video": tokens, "video.seconds": seconds}
    part = cut("video", FeatureInfo("odd", 4, None), medium.get, 5.5, 7.0)
    torch.testing.assert_close(part.tokens, tokens[1:])
    np.testing.assert_array_equal(part.times, seconds[1:])


@pytest.mark.parametrize(("start", "end"), [(0, 8), (2.5, 3.1), (3, 1000), (-4, 0.2), (50, 60)])
def test_streams_are_cut_each_and_merged_as_published(start, end):
    streams = {"video.2d": random_tokens(20, 2), "video.3d": random_tokens(30, 3, seed=1)}
    part = cut("video", PUBLISHED, streams.get, start, end)
    two, three = (
        streams[f"video.{stream.name}"][slice(*token_span("video", count, start, end, rate))]
        for stream, count, rate in zip(PUBLISHED.streams, (20, 30), (1.0, 1.5), strict=True)
    )
    assert len(part.tokens) == len(three) >= 1
    for number, token in enumerate(part.tokens):
        expected = [two[number * len(two) // len(three)].float(), three[number].float()]
        expected = torch.cat([values / values.norm() for values in expected])
        torch.testing.assert_close(token, expected)
    assert isinstance(part.times, Grid)
    begins = part.times.seconds(len(part.tokens))[:, 0]
    assert begins[0] <= max(start, 0) or start >= 20
    np.testing.assert_allclose(np.diff(begins), 1 / 1.5)


def test_a_medium_without_one_of_the_streams_has_no_tokens():
    part = cut("video", PUBLISHED, {"video.2d": random_tokens(20, 2)}.get, 0, 5)
    assert part.tokens.shape == (0, 5)


def test_windows_longer_than_a_step_are_told():
    info = FeatureInfo("clip encoder", 4, 0.5, window_seconds=3.0)
    part = cut("video", info, {"video": random_tokens(10, 4)}.get, 4.5, 7.0)
    np.testing.assert_array_equal(part.times.seconds(2), [[4, 7], [6, 9]])
    assert len(part.tokens) == 2


@pytest.mark.parametrize("rate", [100.0, 1.0, 0.5, 2.4])
@pytest.mark.parametrize("modality", ["video", "audio"])
def test_an_endless_part_goes_to_the_last_token(modality, rate):
    for count in (1, 2, 7, 1000):
        assert token_span(modality, count, 0.0, math.inf, rate) == (0, count)


def test_audio_frames_are_cut_as_published():
    assert token_span("audio", 1000, 1.0, 2.0, 100.0) == (seconds_to_frame(1), seconds_to_frame(2))
    assert token_span("audio", 1000, 90.0, 95.0, 100.0) == (1000, 1000)


@pytest.mark.skipif(not REFERENCE.exists(), reason=f"no {REFERENCE}")
def test_cutting_video_agrees_with_the_published_localisation_code():
    values = np.load(REFERENCE)
    case = next(case for case in json.loads(str(values["meta"])) if case["case"] == "slice")
    features = torch.from_numpy(values["slice/feat_3d"])
    info = FeatureInfo("3d", 6, 1.5, streams=(StreamInfo("3d", features.shape[1], case["fps_3d"]),))
    expected, masks = values["slice/accurate_True/tokens"], values["slice/accurate_True/mask"]
    for number, (start, end) in enumerate(zip(case["starts"], case["ends"], strict=True)):
        ours = cut("video", info, {"video.3d": features}.get, start, end).tokens[: case["n_tokens"]]
        assert len(ours) == masks[number].sum()
        np.testing.assert_allclose(ours, expected[number, : len(ours), 6:], atol=1e-6)


@pytest.mark.parametrize("modality", ["video", "audio"])
@pytest.mark.parametrize("rate", [1.5, 100.0])
def test_times_beyond_all_reason_cut_at_the_ends(modality, rate):
    assert token_span(modality, 10, -1e308, 1e308, rate) == (0, 10)
    first, last = token_span(modality, 10, -1e308, -1e308, rate)
    assert 0 <= first <= last <= 1
