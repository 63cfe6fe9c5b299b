"""The attention view standing still: every word against every second, over one time axis."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mmlab.explanation import ALL_WORDS, Moment, TokenMap
from mmlab.explanation.deletion import DeletionResult
from mmlab.types import Modality
from mmlab.views.attention.links import EVERYTHING, strongest_links
from mmlab.views.attention.moments import moments_sentence
from mmlab.views.attention.panorama import FILM, SPECTROGRAM, WAVE, panorama
from mmlab.views.attention.telling import amount, in_minutes, notes, time_text, unit_of
from mmlab.views.posters import Span
from mmlab.views.static import Picture
from mmlab.views.stills import shorten
from mmlab.views.theme import (
    DRAWING,
    FUSED,
    INK,
    MODALITY_COLOURS,
    MODALITY_WORDS,
    MUTED,
    TRUTH,
)

MOST_WORDS = 14
WIDTH_INCHES = 10.5
LEFT, RIGHT = 0.13, 0.985
WORD_INCHES = 0.25
COLUMNS = 1400
MARK = "▸"
SHORTEST_AXIS = 1e-3
"""In seconds: a clip without length is drawn all the same."""

LAST_TICK = 0.97
"""From this share of the axis on a tick's text ends at its place, so that it is not cut off."""

GAP_FROM_COLUMNS = 10
"""Tokens as wide as this are drawn apart."""


@matplotlib.rc_context(DRAWING)
def attention_picture(
    token_map: TokenMap,
    weighting: str,
    *,
    row: int = 0,
    deletion: DeletionResult | None = None,
    moments: Sequence[Moment] = (),
) -> Picture:
    """Film strip, spectrogram and wave, and under each the heat of every word.

    Args:
        token_map: whose words and seconds.
        weighting: which of its heats.
        row: of the heat whose word is chosen, which is marked; 0: the whole caption.
        deletion: what the heat is worth, said below.
        moments: when what the words say is really there, marked in their rows.
    """
    pictures, (start, end) = panorama(token_map, token_map.span), token_map.span
    span = (start, max(end, start + SHORTEST_AXIS))
    rows = _rows_to_show(token_map, weighting, row)
    parts = []
    for modality in dict.fromkeys(token_map.modality):
        parts += [(name, inches) for name, inches in _above(modality, pictures)]
        parts.append((modality, max(WORD_INCHES * len(rows), 0.3)))
    true = moments_sentence(token_map, weighting, row, moments)
    below = [*notes(token_map), true, deletion.sentence() if deletion else ""]
    lines = [line for one in below for line in textwrap.wrap(one, 112)]
    note = _scale_note(token_map, weighting, len(rows))
    shown = [one for one in moments if one.modality in token_map.modality]
    if any(moment.word_number + 1 in rows for moment in shown):
        note += "; black lines: true seconds"
    figure, panels = _stack(parts, token_map.caption, textwrap.wrap(note, 112), lines)
    words = token_map.rows(weighting)
    names = [_row_name(words[one], marked=0 < one == row) for one in rows]
    for name, axes in panels.items():
        if name in pictures:
            axes.imshow(pictures[name], aspect="auto", extent=(*span, 0, 1))
        else:
            columns = _of(token_map, name)
            heat = token_map.weights[weighting][rows][:, columns]
            cells = heat_columns(token_map.seconds[columns], heat, span)
            _heat(axes, cells, names, span=span, colour=MODALITY_COLOURS.get(name, FUSED))
            _mark(axes, rows, [moment for moment in moments if moment.modality == name])
    _finish(panels, span)
    told = [_sentence(token_map, weighting, row), *below]
    return Picture(figure, " ".join(one for one in told if one))


def heat_columns(seconds: np.ndarray, heat: np.ndarray, span: Span) -> np.ndarray:
    """Heat of tokens as (rows, COLUMNS) over a span: the strongest where several overlap.

    Args:
        seconds: (N, 2) start and end of each token.
        heat: (rows, N).
        span: start and end of the columns; where no token is they are NaN.
    """
    found = np.full((len(heat), COLUMNS), np.nan)
    places = np.round((seconds - span[0]) / max(span[1] - span[0], 1e-6) * COLUMNS).astype(int)
    for column, (left, right) in enumerate(np.clip(places, 0, COLUMNS)):
        gap = 2 if right - left >= GAP_FROM_COLUMNS else 0
        cell = found[:, left : max(right - gap, left + 1)]
        np.fmax(cell, heat[:, column, None], out=cell)
    return found


def _above(modality: Modality, pictures: dict[str, np.ndarray]) -> list[tuple[str, float]]:
    """The pictures above a modality's heat, and their heights in inches."""
    film = pictures.get(FILM)
    across = WIDTH_INCHES * (RIGHT - LEFT)
    film_inches = across * film.shape[0] / film.shape[1] if film is not None else 0.0
    every = {"video": [(FILM, film_inches)], "audio": [(SPECTROGRAM, 0.9), (WAVE, 0.35)]}
    return [(name, inches) for name, inches in every.get(modality, []) if name in pictures]


def _rows_to_show(token_map: TokenMap, weighting: str, chosen: int) -> list[int]:
    """All words in reading order; of a long caption the strongest and the chosen one, as rows."""
    heat = token_map.weights[weighting]
    if len(heat) == 1 or not heat.shape[1]:
        return [0] * bool(heat.shape[1])
    peaks = heat[1:].max(axis=1)
    if chosen:
        peaks[chosen - 1] = np.inf
    return sorted((1 + np.argsort(-peaks, kind="stable")[:MOST_WORDS]).tolist())


def _of(token_map: TokenMap, modality: Modality) -> np.ndarray:
    """(N,) bool: which columns are of a modality."""
    return np.array([name == modality for name in token_map.modality], dtype=bool)


def _scale_note(token_map: TokenMap, weighting: str, drawn: int) -> str:
    """What pale and full colour mean, per modality, and how many words have no row."""
    heat = token_map.weights[weighting]
    words, told = heat[1:] if len(heat) > 1 else heat, []
    for modality in dict.fromkeys(token_map.modality):
        part, unit = words[:, _of(token_map, modality)], unit_of(heat)
        what = MODALITY_WORDS.get(modality, modality)
        told.append(f"{what} {amount(part.min(), unit)} to {amount(part.max(), unit)}")
    fused = f"{token_map.combination}: " if token_map.combination else ""
    if drawn < len(words):
        fused += f"{drawn} strongest of {len(words)} words, "
    return f"{fused}{weighting}, pale to full: {', '.join(told)}" if told else ""


def _stack(
    parts: list[tuple[str, float]], caption: str, note: list[str], worth: list[str]
) -> tuple[Figure, dict[str, Axes]]:
    """Panels below each other, so many inches high, all as wide as the time axis."""
    gap, head, foot = 0.1, 0.65 + 0.2 * len(note), 0.55 + 0.2 * len(worth)
    height = head + foot + sum(inches + gap for _, inches in parts)
    figure = Figure(figsize=(WIDTH_INCHES, height))
    title = shorten(f"“{caption}”", 66)
    above: dict[str, Any] = {"x": LEFT, "va": "top"}
    figure.text(y=1 - 0.18 / height, s=title, fontsize=14, fontweight="bold", color=INK, **above)
    figure.text(y=1 - 0.5 / height, s="\n".join(note), fontsize=10, color=MUTED, **above)
    below: dict[str, Any] = {"x": LEFT, "va": "bottom", "fontsize": 9.5, "color": MUTED}
    figure.text(y=0.08 / height, s="\n".join(worth), **below)
    panels, top = {}, height - head
    for name, inches in parts:
        place = (LEFT, (top - inches) / height, RIGHT - LEFT, inches / height)
        panels[name] = figure.add_axes(place)
        top -= inches + gap
    return figure, panels


def _heat(axes: Axes, cells: np.ndarray, names: list[str], *, span: Span, colour: str) -> None:
    """One row of cells per word, pale to full in the modality's colour."""
    scale = LinearSegmentedColormap.from_list("heat", ["#F4F4F4", colour])
    extent = (*span, len(names) - 0.5, -0.5)
    axes.imshow(cells, aspect="auto", extent=extent, cmap=scale, interpolation="none")
    axes.hlines(np.arange(1, len(names)) - 0.5, *span, color="white", linewidth=1)
    axes.set_yticks(range(len(names)), names)
    for label, name in zip(axes.get_yticklabels(), names, strict=True):
        label.set_fontweight("bold" if name.startswith(MARK) else "normal")


def _mark(axes: Axes, rows: list[int], moments: Sequence[Moment]) -> None:
    """A line below the cells of each moment, in the row of its word."""
    for moment in moments:
        if moment.word_number + 1 in rows:
            line = rows.index(moment.word_number + 1) + 0.42
            starts, ends = zip(*moment.spans, strict=True)
            axes.hlines([line] * len(starts), starts, ends, color=TRUTH, linewidth=2.4)


def _row_name(word: str, *, marked: bool) -> str:
    name = EVERYTHING if word == ALL_WORDS else shorten(word, 16)
    return f"{MARK} {name}" if marked else name


def _finish(panels: dict[str, Axes], span: Span) -> None:
    names = {FILM: "picture", SPECTROGRAM: "sound", WAVE: "loudness"}
    for name, axes in panels.items():
        axes.set_xlim(*span)
        axes.spines[:].set_visible(False)
        axes.tick_params(left=False, bottom=False, labelbottom=False)
        if name in names:
            axes.set_yticks([0.5], [names[name]])
            axes.get_yticklabels()[0].set_fontweight("bold")
    if panels:
        last = list(panels.values())[-1]
        last.tick_params(bottom=True, labelbottom=True, length=3)
        last.set_xlabel("minutes and seconds" if in_minutes(span) else "seconds", labelpad=1)
        if in_minutes(span):
            last.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 1.5, 3, 6, 10]))
            last.xaxis.set_major_formatter(lambda second, _: time_text(second, minutes=True))
            for label, second in zip(last.get_xticklabels(), last.get_xticks(), strict=True):
                at_end = second > span[0] + LAST_TICK * (span[1] - span[0])
                label.set_horizontalalignment("right" if at_end else "center")


def _sentence(token_map: TokenMap, weighting: str, row: int) -> str:
    if not len(token_map.modality):
        return f"No heat to show: “{token_map.caption}” has no second to look at."
    names, caption = token_map.rows(weighting), f"“{shorten(token_map.caption, 300)}”"
    links = strongest_links(token_map, weighting, row=row, top=3)
    if len(names) == 1:
        places = [f"{what} at {when} ({weight})" for _, what, when, weight, _ in links]
        return (
            f"Heat ({weighting}) of all that is fused of {caption}. Strongest: {'; '.join(places)}."
        )
    whose = f"of “{names[row]}” in {caption}" if row else f"of the words of {caption}"
    told = [f"“{word}” in the {what} at {when} ({weight})" for word, what, when, weight, _ in links]
    return f"Heat ({weighting}) {whose}. Strongest: {'; '.join(told)}."
