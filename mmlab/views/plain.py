"""Plain pictures without a widget: a video as a film, a clip's sound, bars, shares."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from mmlab.dataset import ClipFeatures
from mmlab.media import probe, read_frames
from mmlab.views.attention import spectrogram_image
from mmlab.views.static import Picture
from mmlab.views.theme import DRAWING, FAINT, MUTED, PLAIN, colour_of, is_combination

BESIDE = {"chance", "evenly spread", "oracle", "upper bound", "random"}
"""Figures that stand beside a model's: what needs none, and the most that can be reached."""


@matplotlib.rc_context(DRAWING)
def film_picture(path: Path, *, rows: int = 3, columns: int = 6, title: str = "") -> Picture:
    """A whole video as frames evenly over its time, in reading order, each with its second.

    Args:
        path: a media file with a picture.
        rows: of frames.
        columns: of frames.
        title: stands above.
    """
    info = probe(path)
    seconds = [(i + 0.5) * info.duration_seconds / (rows * columns) for i in range(rows * columns)]
    height = 10.5 / columns * info.height / info.width
    figure = Figure(figsize=(10.5, rows * (height + 0.22) + 0.4))
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
    panels = figure.subplots(rows, columns).flat
    for axes, second, frame in zip(panels, seconds, read_frames(path, seconds), strict=True):
        axes.imshow(frame)
        axes.set_title(f"{second:.0f} s", fontsize=9, color=MUTED, loc="left", pad=2)
        axes.title.set_fontweight("normal")
        axes.set_axis_off()
    top = 1 - 0.4 / figure.get_figheight()
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.005, top=top - 0.04, wspace=0.03)
    sentence = f"{title or path.name}: {rows * columns} frames over {info.duration_seconds:.0f} s."
    return Picture(figure, sentence)


@matplotlib.rc_context(DRAWING)
def spectrogram_picture(clip: ClipFeatures) -> Picture:
    """The sound of a clip as the model gets it: 40 mel bands over the seconds of its file."""
    figure = Figure(figsize=(10.5, 2.8))
    axes = figure.add_axes((0.07, 0.2, 0.92, 0.66))
    axes.set(title=f"Sound of {clip.clip_id}", xlabel="seconds", ylabel="mel bands")
    log_mel = clip.tokens["audio"].numpy()
    if not len(log_mel):
        axes.text(0.5, 0.5, "this clip has no sound", transform=axes.transAxes, ha="center")
        return Picture(figure, f"{clip.clip_id} has no sound.")
    span = (clip.start_seconds, clip.end_seconds)
    axes.imshow(spectrogram_image(log_mel), aspect="auto", extent=(*span, 0, log_mel.shape[1]))
    seconds = span[1] - span[0]
    return Picture(figure, f"Spectrogram of {clip.clip_id}: {seconds:.1f} s, “{clip.text}”.")


@matplotlib.rc_context(DRAWING)
def bar_chart(values: Mapping[str, float], *, title: str, unit: str = "%") -> Picture:
    """One bar per name; a name that is a combination of modalities has its fixed colour.

    Args:
        values: in the order of the bars; what is no model's figure (`BESIDE`) is drawn in grey.
        title: stands above.
        unit: of the values, written behind each.
    """
    longest = max(map(len, values), default=0)
    left = min(max(0.2, 0.0125 * longest), 0.5)
    figure = Figure(figsize=(7.6, 0.9 + 0.42 * len(values)))
    axes = figure.add_axes((left, 0.08, 0.88 - left, 0.78 - 0.1 / len(values)))
    colours = [_bar_colour(name) for name in values]
    axes.barh(list(values), list(values.values()), height=0.62, color=colours)
    axes.invert_yaxis()
    axes.set(xticks=[])
    figure.text(0.012, 0.98, title, va="top", fontsize=13, fontweight="bold")
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(left=False)
    for place, value in enumerate(values.values()):
        axes.annotate(f" {value:.1f} {unit}", (value, place), va="center", fontweight="bold")
    told = ", ".join(f"{name} {value:.1f} {unit}" for name, value in values.items())
    return Picture(figure, f"{title}: {told}.")


def _bar_colour(name: str) -> str:
    if name in BESIDE:
        return MUTED
    return colour_of(name) if is_combination(name) else PLAIN


@matplotlib.rc_context(DRAWING)
def share_chart(shares: pd.DataFrame, *, title: str) -> Picture:
    """Shares (0 to 1) as dots on a line per column, so that chance and the rest can be compared.

    Args:
        shares: one row per combination and a row "chance"; one column per attribute.
        title: stands above.
    """
    figure = Figure(figsize=(9.0, 1.4 + 0.5 * len(shares.columns)))
    axes = figure.add_axes((0.13, 0.16, 0.84, 0.6))
    axes.set_title(title, pad=30)
    for place, attribute in enumerate(shares.columns):
        axes.axhline(place, color=FAINT, linewidth=1, zorder=0)
        for name, share in shares[attribute].items():
            colour, mark = (MUTED, "|") if name == "chance" else (colour_of(str(name)), "o")
            label = str(name) if place == 0 else None
            axes.plot(100 * share, place, mark, color=colour, ms=11, mew=2, label=label)
    axes.set_yticks(range(len(shares.columns)), [str(name) for name in shares.columns])
    axes.set_ylim(len(shares.columns) - 0.5, -0.5)
    axes.set(xlim=(0, 100), xlabel="percent")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(shares), fontsize=10)
    best = {str(column): shares[column].drop("chance").idxmax() for column in shares.columns}
    told = ", ".join(
        f"{column} {100 * float(shares.loc[name, column]):.0f} % in {name} "
        f"(chance {100 * float(shares.loc['chance', column]):.0f} %)"
        for column, name in best.items()
    )
    return Picture(figure, f"{title}: {told}.")
