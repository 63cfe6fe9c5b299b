"""The attention view standing still: every word against every second, over one time axis."""

from __future__ import annotations

import textwrap

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from mmlab.types import Modality
from mmlab.views.posters import Span
from mmlab.views.static import Picture
from mmlab.views.theme import DRAWING, INK, MODALITY_COLOURS, MODALITY_WORDS, MUTED, TEXT

MOST_WORDS = 14
WIDTH_INCHES = 10.5
LEFT, RIGHT = 0.13, 0.985
WORD_INCHES = 0.25


@matplotlib.rc_context(DRAWING)
def attention_picture(
    table: pd.DataFrame,
    *,
    chosen: int | None,
    span: Span,
    caption: str,
    strip: np.ndarray,
    log_mel: np.ndarray,
) -> Picture:
    """Film strip and spectrogram, and under each the heat of every word.

    Args:
        table: as `word_attention` gives it.
        chosen: number of the word to mark, or None.
        span: start and end of the axis in seconds.
        caption: stands above.
        strip: (H, W, 3) film strip over the span, may be empty.
        log_mel: (F, bands) decibels over the span, may be empty.
    """
    words = _words_to_show(table)
    strip_inches = WIDTH_INCHES * (RIGHT - LEFT) * _height_of(strip)
    heat_inches = max(WORD_INCHES * len(words), 0.3)
    modalities = list(dict.fromkeys(table.modality))
    parts = [("strip", strip_inches)] * bool(strip.size)
    parts += [("video", heat_inches)] * ("video" in modalities)
    parts += [("sound", 1.0)] * bool(len(log_mel))
    parts += [("audio", heat_inches)] * ("audio" in modalities)
    figure, panels = _stack(parts, caption, _scale_note(table))
    if "strip" in panels:
        panels["strip"].imshow(strip, aspect="auto", extent=(*span, 0, 1))
    if "sound" in panels:
        loudness = panels["sound"].imshow(log_mel.T, aspect="auto", extent=(*span, 0, 1))
        loudness.set(cmap="magma", clim=(-80, 0))
        panels["sound"].invert_yaxis()
    for name in ("video", "audio"):
        if name in panels:
            _heat(panels[name], table[table.modality == name], words, chosen)
    _finish(panels, span)
    return Picture(figure, _sentence(table, caption))


def links_table(table: pd.DataFrame, top: int = 8) -> list[tuple[str, str, str, str]]:
    """The strongest links as text: word, "picture" or "sound", seconds, percent."""
    best = table.nlargest(top, "weight")
    return [
        (
            str(link.word),
            MODALITY_WORDS.get(str(link.modality), str(link.modality)),
            f"{link.start_seconds:.1f}–{link.end_seconds:.1f} s",
            f"{100 * link.weight:.1f} %",
        )
        for link in best.itertuples()
    ]


def _scale_note(table: pd.DataFrame) -> str:
    """What pale and full colour mean, per modality, in percent."""
    ranges = (100 * table.groupby("modality", sort=False).weight.agg(["min", "max"])).iterrows()
    told = [
        f"{MODALITY_WORDS.get(str(m), m)} {low:.1f} to {high:.1f} %" for m, (low, high) in ranges
    ]
    return f"Share of a word's attention, pale to full: {', '.join(told)}" if told else ""


def _stack(
    parts: list[tuple[str, float]], caption: str, note: str
) -> tuple[Figure, dict[str, Axes]]:
    """Panels below each other, so many inches high, all as wide as the time axis."""
    gap, head, foot = 0.1, 0.85, 0.55
    height = head + foot + sum(inches + gap for _, inches in parts)
    figure = Figure(figsize=(WIDTH_INCHES, height))
    lines = textwrap.wrap(f"“{caption}”", 82)[:1]
    figure.text(
        LEFT, 1 - 0.18 / height, "".join(lines), va="top", fontsize=14, fontweight="bold",
        color=INK
    )  # fmt: skip
    figure.text(LEFT, 1 - 0.5 / height, note, va="top", fontsize=10, color=MUTED)
    panels, top = {}, height - head
    for name, inches in parts:
        place = (LEFT, (top - inches) / height, RIGHT - LEFT, inches / height)
        panels[name] = figure.add_axes(place)
        top -= inches + gap
    return figure, panels


def _heat(axes: Axes, table: pd.DataFrame, words: list[int], chosen: int | None) -> None:
    """One row of cells per word, pale to full in the modality's colour."""
    modality: Modality = table.modality.iloc[0]
    grid = table[table.word_number.isin(words)].pivot_table(
        index="word_number", columns="start_seconds", values="weight"
    )
    ends = table.groupby("start_seconds").end_seconds.first()
    edges = np.append(ends.index.to_numpy(), ends.iloc[-1])
    scale = LinearSegmentedColormap.from_list(modality, ["#F4F4F4", MODALITY_COLOURS[modality]])
    rows = np.arange(len(grid) + 1) - 0.5
    axes.pcolormesh(edges, rows, grid.to_numpy(), cmap=scale, edgecolors="white", linewidth=0.6)
    names = table.drop_duplicates("word_number").set_index("word_number").word
    axes.set_yticks(range(len(grid)), [names[number] for number in grid.index])
    for label, number in zip(axes.get_yticklabels(), grid.index, strict=True):
        label.set(color=TEXT if number == chosen else INK)
        label.set_fontweight("bold" if number == chosen else "normal")
    axes.invert_yaxis()


def _finish(panels: dict[str, Axes], span: Span) -> None:
    names = {"strip": "picture", "sound": "sound"}
    for name, axes in panels.items():
        axes.set_xlim(*span)
        axes.spines[:].set_visible(False)
        axes.tick_params(left=False, bottom=False, labelbottom=False)
        if name in names:
            axes.set_yticks([0.5], [names[name]])
            axes.get_yticklabels()[0].set_fontweight("bold")
    last = list(panels.values())[-1] if panels else None
    if last is not None:
        last.tick_params(bottom=True, labelbottom=True, length=3)
        last.set_xlabel("seconds", labelpad=1)


def _words_to_show(table: pd.DataFrame) -> list[int]:
    """All words in reading order, or the most attentive of a long caption."""
    peaks = table.groupby("word_number").weight.max()
    return sorted(peaks.nlargest(MOST_WORDS).index)


def _height_of(strip: np.ndarray) -> float:
    return strip.shape[0] / strip.shape[1] if strip.size else 0.0


def _sentence(table: pd.DataFrame, caption: str) -> str:
    if table.empty:
        return f"No attention to show: “{caption}” has no word or no second to look at."
    told = [
        f"“{word}” to {what} at {when} ({share})"
        for word, what, when, share in links_table(table, 3)
    ]
    return f"Attention of the words of “{caption}”. Strongest: {'; '.join(told)}."
