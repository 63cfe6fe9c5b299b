"""Tokens from published features: equal to the published code's in every reference case."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlab.features.published import (
    audio_span,
    feature_span,
    resample_nearest,
    unit,
    video_tokens,
)

REFERENCE = np.load(Path(__file__).parent / "data" / "reference_data_and_metrics.npz")
META = {case["case"]: case for case in json.loads(str(REFERENCE["meta"]))}
VIDEO_CASES = [name for name in META if name.startswith("video/")]
AUDIO_CASES = [name for name in META if name.startswith("audio/")]


def padded(tokens: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    values = np.zeros((count, tokens.shape[1]), np.float32)
    values[: len(tokens)] = tokens
    return values, (np.arange(count) < len(tokens)).astype(np.float32)


def test_all_reference_cases_are_there():
    assert (len(VIDEO_CASES), len(AUDIO_CASES), len(META["slice"]["starts"])) == (42, 3, 4)


@pytest.mark.parametrize("case", VIDEO_CASES)
def test_video_tokens_equal_the_published_code(case):
    meta = META[case]
    names = ["feat_2d", "feat_3d"] if meta["use"] == "both" else ["feat_3d"]
    streams = [REFERENCE[f"{case}/{name}"] for name in names]
    tokens = video_tokens(streams, meta["n_tokens"], meta["strategy"])
    values, mask = padded(tokens, meta["n_tokens"])
    np.testing.assert_allclose(values, REFERENCE[f"{case}/tokens"], rtol=0, atol=2e-7)
    np.testing.assert_array_equal(mask, REFERENCE[f"{case}/mask"])


@pytest.mark.parametrize("accurate", [False, True])
@pytest.mark.parametrize("row", range(4))
def test_slices_by_seconds_equal_the_published_code(accurate, row):
    meta = META["slice"]
    start, end = meta["starts"][row], meta["ends"][row]
    streams = [
        REFERENCE[f"slice/feat_{name}"][
            feature_span(start, end, meta[f"fps_{name}"], accurate=accurate)
        ]
        for name in ("2d", "3d")
    ]
    values, mask = padded(video_tokens(streams, meta["n_tokens"]), meta["n_tokens"])
    expected = f"slice/accurate_{accurate}"
    np.testing.assert_allclose(values, REFERENCE[f"{expected}/tokens"][row], rtol=0, atol=2e-7)
    np.testing.assert_array_equal(mask, REFERENCE[f"{expected}/mask"][row])


@pytest.mark.parametrize("case", AUDIO_CASES)
def test_audio_spans_equal_the_published_code(case):
    meta = META[case]
    span = audio_span(meta["start"], meta["end"], meta["max_frames"])
    frames = REFERENCE["audio/mel_head"][:, span]
    values, mask = padded(frames.T, meta["max_frames"])
    assert len(frames.T) == meta["n_frames"]
    np.testing.assert_array_equal(values.T, REFERENCE[f"{case}/spec"])
    np.testing.assert_array_equal(mask, REFERENCE[f"{case}/mask"])


@pytest.mark.parametrize("strategy", ["clip", "nearest", "max_pool"])
@pytest.mark.parametrize("length", [1, 12, 20, 37])
def test_one_stream_keeps_its_width(strategy, length):
    features = np.random.default_rng(0).normal(size=(length, 8))
    assert video_tokens([features], 12, strategy).shape == (min(length, 12), 8)


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(1, 300))
def test_resampling_equals_interpolate(length, count):
    features = np.arange(length, dtype=np.float32)[:, None]
    expected = F.interpolate(torch.from_numpy(features.T[None]), size=count, mode="nearest")
    np.testing.assert_array_equal(resample_nearest(features, count)[:, 0], expected[0, 0].numpy())


@pytest.mark.parametrize("lengths", [(24, 36), (37, 55), (48, 72), (23, 36)])
def test_max_pool_against_a_loop(lengths):
    count = 12
    rng = np.random.default_rng(1)
    streams = [rng.normal(size=(length, 3)).astype(np.float32) for length in lengths]
    pool = min(lengths) >= 2 * count
    expected = []
    for stream in streams:
        size = len(stream) // count if pool else 1
        pooled = [stream[i : i + size].max(axis=0) for i in range(0, len(stream), size)]
        pooled = pooled[: len(stream) // size]
        expected.append([pooled[int(i * len(pooled) / count + 1e-9)] for i in range(count)])
    tokens = video_tokens(streams, count, "max_pool", unit_norm=False)
    np.testing.assert_array_equal(tokens, np.concatenate(expected, axis=1))


def test_norm_is_left_alone_when_asked():
    features = np.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(video_tokens([features], 4), [[0.6, 0.8], [0, 0]], rtol=1e-6)
    np.testing.assert_array_equal(video_tokens([features], 4, unit_norm=False), features)
    assert unit(np.zeros((0, 3))).shape == (0, 3)


def test_half_precision_is_normalised_in_single():
    features = np.full((1, 4096), 60.0, np.float16)  # whose sum of squares is not a float16
    assert np.linalg.norm(video_tokens([features], 1)) == pytest.approx(1, abs=1e-5)


def test_an_empty_stream_gives_no_tokens():
    assert video_tokens([np.ones((3, 2)), np.zeros((0, 4))], 12).shape == (0, 6)
    assert video_tokens([np.zeros((0, 2)), np.ones((3, 4))], 12).shape == (0, 6)


@pytest.mark.parametrize(
    ("streams", "strategy", "message"),
    [
        ([], "clip", "shapes"),
        ([np.ones(3)], "clip", r"\(3,\)"),
        ([np.ones((3, 2))], "mean", "strategy"),
    ],
)
def test_wrong_input_is_named(streams, strategy, message):
    with pytest.raises(ValueError, match=message):
        video_tokens(streams, 12, strategy)


def test_input_is_not_changed():
    features = np.random.default_rng(2).normal(size=(5, 3)).astype(np.float32)
    before = features.copy()
    video_tokens([features], 12)
    np.testing.assert_array_equal(features, before)
