"""What a notebook shows of a dataset: a summary and a few of its clips as cards.

Plain HTML and CSS without a widget, so it also stands in an exported page. Colours come from the
text around it, so light and dark follow.
"""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mmlab.about import FeatureInfo
from mmlab.media import poster
from mmlab.readers.captions import NO_SPLIT
from mmlab.views.theme import AUDIO, MODALITY_WORDS, colour_of

if TYPE_CHECKING:
    from mmlab.dataset import ClipDataset

CSS_FILE = Path(__file__).with_suffix(".css")

CARDS = 6
THUMBNAIL = (256, 144)
"""Pixels at most; a card is narrower, which dense screens use."""

THUMBNAIL_BYTES = 20_000
PATIENCE_SECONDS = 2.0
"""After this no further picture is begun: media may lie on a slow drive."""

WAVE_BARS = 40
QUIET_DECIBEL = 40.0
"""So much below a clip's loudest moment a wave is flat."""

CAPTION_CHARACTERS = 140
SPLITS_SHOWN = 6


def dataset_html(dataset: ClipDataset) -> str:
    """A summary line, the modalities, and up to six clips spread over the dataset.

    Less than 200 kB. A picture that cannot be made is a neutral tile; nothing raises for it.
    """
    give_up = time.monotonic() + PATIENCE_SECONDS
    cards = "".join(_card(dataset, row, give_up) for row in rows_to_show(dataset.manifest))
    return (
        f"<style>{CSS_FILE.read_text(encoding='utf-8')}</style>"
        f'<div class="mmlab-dataset">'
        f'<div class="mmlab-dataset-line">{_summary(dataset.manifest)}</div>'
        f'<div class="mmlab-dataset-features">{"".join(_features(dataset))}</div>'
        f'<div class="mmlab-dataset-cards">{cards}</div></div>'
    )


def rows_to_show(manifest: pd.DataFrame) -> list[int]:
    """Up to six clips over all splits, of different media where there are enough."""
    firsts = np.flatnonzero(~manifest.media_id.duplicated().to_numpy())
    rows = firsts if len(firsts) >= CARDS else np.arange(len(manifest))
    splits = manifest.split.iloc[rows].fillna("").astype(str).to_numpy()
    by_split = rows[np.argsort(splits, kind="stable")]
    spread = np.linspace(0, len(rows) - 1, min(CARDS, len(rows))).astype(int)
    return sorted(by_split[spread].tolist())


def _summary(manifest: pd.DataFrame) -> str:
    """Clips, media, hours, splits."""
    seconds = float((manifest.end_seconds - manifest.start_seconds).sum())
    media = manifest.media_id.nunique()
    size = f"<b>{len(manifest):,}</b> clips of <b>{media:,}</b> media, <b>{_length(seconds)}</b>"
    counts = manifest.split[manifest.split.map(_is_named).astype(bool)].value_counts()
    named = [f"{_shorten(name, 30)} <b>{count:,}</b>" for name, count in counts.items()]
    rest = [f"and {len(named) - SPLITS_SHOWN} more"] if len(named) > SPLITS_SHOWN else []
    splits = "".join(f"<span>{words}</span>" for words in [*named[:SPLITS_SHOWN], *rest])
    return f'<span class="mmlab-dataset-size">{size}</span>{splits}'


def _is_named(split: object) -> bool:
    return isinstance(split, str) and split not in ("", NO_SPLIT)


def _length(seconds: float) -> str:
    if not np.isfinite(seconds):
        return "unknown length"
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:.0f} seconds"


def _features(dataset: ClipDataset) -> Iterator[str]:
    """Each modality in its fixed colour, with what describes it."""
    for modality, info in dataset.features.items():
        word = MODALITY_WORDS.get(modality, modality)
        yield (
            f'<span><i style="background:{colour_of(modality)}"></i><b>{escape(word)}</b> '
            f"{_shorten(info.name, 60)} · {_size(info)}</span>"
        )


def _size(info: FeatureInfo) -> str:
    rate = info.tokens_per_second
    return f"{info.width} wide" + (f" · {rate:g} per second" if rate else "")


def _card(dataset: ClipDataset, row: int, give_up: float) -> str:
    clip = dataset.manifest.iloc[row]
    split = f"<span>{_shorten(clip.split, 14)}</span>" if _is_named(clip.split) else ""
    caption = _shorten(clip.text if isinstance(clip.text, str) else "", CAPTION_CHARACTERS)
    name = f"<i>{_shorten(clip.media_id, CAPTION_CHARACTERS)}</i>"
    return (
        f'<div title="{_shorten(clip.clip_id, 120)}">'
        f'<div class="mmlab-dataset-stage">{_stage(dataset, row, clip, give_up)}</div>'
        f'<div class="mmlab-dataset-times"><b>{clip.start_seconds:.1f}–{clip.end_seconds:.1f} s</b>'
        f"{split}</div>"
        f'<div class="mmlab-dataset-text">{caption or name}</div></div>'
    )


def _stage(dataset: ClipDataset, row: int, clip: Any, give_up: float) -> str:
    """A frame, a sound's wave, or words instead."""
    path = dataset.media_path(row)
    try:
        if _is_sound(dataset, clip.media_id):
            return _wave(_loudness(dataset, clip))
        if not clip.media_path or not path.is_file():
            return "<span>media not at hand</span>"
        if time.monotonic() > give_up:
            return "<span>takes too long to read</span>"
        middle = (clip.start_seconds + clip.end_seconds) / 2
        shown = f"{_shorten(clip.media_id, CAPTION_CHARACTERS)} at {middle:.1f} s"
        return f'<img alt="{shown}" src="data:image/jpeg;base64,{_thumbnail(path, middle)}">'
    except Exception:  # whatever a decoder comes up with: a summary never fails for a picture
        return "<span>no picture</span>"


def _is_sound(dataset: ClipDataset, media_id: str) -> bool:
    medium = dataset.media[dataset.media.media_id == media_id].iloc[0]
    return bool(medium.get("has_audio")) and not bool(medium.get("has_video"))


def _loudness(dataset: ClipDataset, clip: Any) -> np.ndarray:
    """(N,) in 0..1 over a clip: from its log-mel frames, else from the loudness of its seconds."""
    if "mel" in dataset.features["audio"].name:
        rate = dataset.features["audio"].tokens_per_second or 1.0
        decibel = dataset.media_tokens(clip.media_id)["audio"].mean(axis=1, dtype=np.float32)
    else:
        rate, decibel = 1.0, dataset.levels(clip.media_id)["loudness"].astype(np.float32)
    first = int(clip.start_seconds * rate)
    part = decibel[first : max(first + 1, round(clip.end_seconds * rate))]
    return 1 - (part.max() - part).clip(0, QUIET_DECIBEL) / QUIET_DECIBEL


def _wave(loudness: np.ndarray) -> str:
    """Bars around a middle line, as tall as the sound is loud."""
    parts = np.array_split(loudness, min(WAVE_BARS, len(loudness)))
    width = 160 / len(parts)
    bars = "".join(
        f'<rect x="{(place + 0.2) * width:.1f}" y="{45 - height / 2:.1f}" rx="1.2" '
        f'width="{0.6 * width:.1f}" height="{height:.1f}"/>'
        for place, height in enumerate(max(2.0, 66 * float(part.max())) for part in parts)
    )
    return f'<svg viewBox="-8 0 176 90" fill="{AUDIO}" role="img" aria-label="sound">{bars}</svg>'


@lru_cache(maxsize=256)  # about 3 MB; failures are not kept
def _thumbnail(path: Path, seconds: float) -> str:
    """The frame on show at one second as a JPEG of at most 20 kB, in base 64."""
    image = poster(path, seconds, width=THUMBNAIL[0]).convert("RGB")
    image.thumbnail(THUMBNAIL)  # a tall picture becomes narrower
    for quality in (82, 60, 30):
        buffer = io.BytesIO()
        image.save(buffer, format="JPEG", quality=quality)
        if buffer.tell() <= THUMBNAIL_BYTES:
            break
    return base64.b64encode(buffer.getvalue()).decode()


def _shorten(text: object, characters: int) -> str:
    """At most so many characters, escaped."""
    words = str(text)
    return escape(words if len(words) <= characters else words[: characters - 1] + "…")
