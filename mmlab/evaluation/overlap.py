"""How well frame labels agree with the true ones: accuracy, and overlap in two published variants.

Which code the paper used for its IoU and IoD is not public, so each variant goes by its name.
Labels are integers; a true label that is in no dictionary (-1) is a class that nothing predicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

Variant = Literal["class", "segment"]
"""How overlap is counted in a video.

- class (as in TASL): for each class that is true somewhere, all its frames together.
- segment (as in TCFPN): for each true segment, the predicted segment of its class that fits best;
  union is the hull of both.
"""


@dataclass(frozen=True)
class Overlap:
    """Mean overlap over videos, in percent.

    Attributes:
        iou: intersection over union.
        iod: intersection over detection: over what was predicted.
        videos: how many have a class that counts.
        left_out: videos without one (nothing but background); they count nowhere.
    """

    iou: float
    iod: float
    videos: int
    left_out: int


def frame_accuracy(
    predicted: Sequence[np.ndarray], truth: Sequence[np.ndarray], *, by_video: bool = False
) -> float:
    """Share of the frames with the right label (mean over frames, MoF), in percent.

    Args:
        predicted: (F,) labels of each video.
        truth: (F,) labels of each video.
        by_video: False: of all frames together, so that long videos count more; True: the mean of
            the videos' shares.

    Raises:
        ValueError: no frame at all; a video whose labels differ in number.
    """
    right = [_same_length(one, true) == true for one, true in zip(predicted, truth, strict=True)]
    shares = [float(video.mean()) for video in right if len(video)]
    if not shares:
        raise ValueError("there are no frames, so accuracy is undefined")
    return 100 * float(np.mean(shares) if by_video else np.concatenate(right).mean())


def overlap_scores(
    predicted: Sequence[np.ndarray],
    truth: Sequence[np.ndarray],
    variant: Variant,
    *,
    background: int | None = None,
) -> Overlap:
    """IoU and IoD of frame labels, the mean over videos.

    Args:
        predicted: (F,) labels of each video.
        truth: (F,) labels of each video.
        variant: how overlap is counted.
        background: a class that does not count; None: all count.

    Raises:
        ValueError: no such variant; no video with a class that counts; a video whose labels differ
            in number.
    """
    if variant not in get_args(Variant):
        raise ValueError(f"overlap has the variants class and segment, found {variant!r}")
    measure = class_overlap if variant == "class" else segment_overlap
    values = [
        measure(one, true, background=background)
        for one, true in zip(predicted, truth, strict=True)
    ]
    counting = [value for value in values if value is not None]
    if not counting:
        raise ValueError("no video has a class that counts, so overlap is undefined")
    iou, iod = (100 * float(np.mean(part)) for part in zip(*counting, strict=True))
    return Overlap(iou, iod, len(counting), len(values) - len(counting))


def class_overlap(
    predicted: np.ndarray, truth: np.ndarray, *, background: int | None = None
) -> tuple[float, float] | None:
    """IoU and IoD (0 to 1) of one video's classes, the mean over the classes that are true.

    A class that is never predicted has 0. (TASL adds 1e-6 to the denominators for its sake.)

    Args:
        predicted: (F,).
        truth: (F,).
        background: a class that does not count.

    Returns:
        None where no class counts.
    """
    predicted = _same_length(predicted, truth)
    classes = np.unique(truth)
    classes = classes[classes != background] if background is not None else classes
    if not len(classes):
        return None
    ours, true = predicted == classes[:, None], truth == classes[:, None]  # (classes, F)
    shared = (ours & true).sum(axis=1)
    union, detected = (ours | true).sum(axis=1), np.maximum(ours.sum(axis=1), 1)
    return float((shared / union).mean()), float((shared / detected).mean())


def segment_overlap(
    predicted: np.ndarray, truth: np.ndarray, *, background: int | None = None
) -> tuple[float, float] | None:
    """IoU and IoD (0 to 1) of one video's segments, the mean over the true segments.

    Args:
        predicted: (F,).
        truth: (F,).
        background: a class that does not count.

    Returns:
        None where no segment counts.
    """
    label, start, end = segments_of(_same_length(predicted, truth))
    true = segments_of(truth)
    if background is not None:
        true = true[:, true[0] != background]
    if not true.shape[1]:
        return None
    true_label, true_start, true_end = true[:, :, None]  # (true segments, 1)
    shared = np.minimum(end, true_end) - np.maximum(start, true_start)
    shared = np.where(label == true_label, np.maximum(shared, 0), 0)
    hull = np.maximum(end, true_end) - np.minimum(start, true_start)
    best = (shared / whole for whole in (hull, end - start))
    iou, iod = (float(values.max(axis=1).mean()) for values in best)
    return iou, iod


def segments_of(labels: np.ndarray) -> np.ndarray:
    """The runs of equal labels: (3, segments) with label, first frame, and the frame behind."""
    labels = np.asarray(labels, dtype=int)
    edges = np.flatnonzero(np.diff(labels)) + 1
    starts = np.concatenate([[0], edges])[: len(labels)]
    ends = np.concatenate([edges, [len(labels)]])[: len(labels)]
    return np.stack([labels[starts], starts, ends])


def _same_length(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    if len(predicted) != len(truth):
        raise ValueError(
            f"{len(predicted)} predicted frames and {len(truth)} true ones; stretch the labels to "
            "the rate of the true ones first"
        )
    return np.asarray(predicted)
