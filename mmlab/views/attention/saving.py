"""Keeping a view: as a drawing, as a page that works by itself, or as data."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets
import matplotlib

from mmlab.files import in_words, write_atomically
from mmlab.views.attention.controls import dropdown
from mmlab.views.attention.page import attention_page

if TYPE_CHECKING:
    from mmlab.views.attention.view import AttentionView

FORMATS = {
    "picture (.png)": ".png",
    "drawing (.svg)": ".svg",
    "page (.html)": ".html",
    "numbers (.safetensors)": ".safetensors",
    "table (.csv)": ".csv",
}

MOST_LETTERS = 60
"""Of each part of a file's name."""

BUTTON = {"width": "auto", "min_width": "64px", "flex": "none"}
NARROW = {"flex_flow": "row wrap", "max_width": "340px"}
"""What was saved is said below, so that saying it moves nothing."""


def save_view(view: AttentionView, path: Path) -> Path:
    """Write a view to a file whose ending says how; see `AttentionView.save`."""
    if path.suffix.lower() not in WRITERS:
        raise ValueError(f"{path.name}: a view is saved as {', '.join(WRITERS)}")
    view.wait()
    path.parent.mkdir(parents=True, exist_ok=True)
    WRITERS[path.suffix.lower()](view, path)
    return path


class SaveControl(ipywidgets.HBox):
    """Choose a format and press Save; what was written, or why not, is said beside it.

    Args:
        view: what is saved, into the folder in which the kernel runs.
    """

    def __init__(self, view: AttentionView) -> None:
        self.view = view
        self.format = dropdown("Save as", FORMATS)
        self.button = ipywidgets.Button(description="Save", layout=BUTTON)
        self.message = ipywidgets.HTML()
        self.button.on_click(self._save)
        super().__init__([self.format, self.button, self.message], layout=NARROW)

    def _save(self, _: Any) -> None:
        path = Path(file_name(self.view) + self.format.value)
        done = "Saved again" if path.exists() else "Saved"
        try:
            self.message.value = f"{done} as {escape(str(save_view(self.view, path)))}"
        except OSError as error:
            self.message.value = escape(f"Not saved: {in_words(error)}")


def file_name(view: AttentionView) -> str:
    """Without an ending; another clip, combination, heat, word or sentence has another name."""
    set_to = view.parameters()
    parts = [view.clip_id or view.token_map.caption[:MOST_LETTERS]]
    parts += [view.combination.value, view.weighting.value]
    parts += [str(set_to[name]) for name in ("word", "caption") if set_to[name] is not None]
    kept = [re.sub(r"[^\w.+-]+", "-", part)[:MOST_LETTERS].strip("-.") for part in parts]
    return "-".join(["attention", *filter(None, kept)])


def _svg(view: AttentionView, path: Path) -> None:
    buffer, picture = io.BytesIO(), view.picture()
    about = {"Description": f"{picture.sentence} {picture.made_of}".strip()}
    if picture.stamp:
        about["Identifier"] = picture.stamp
    with matplotlib.rc_context({"svg.fonttype": "none", "text.parse_math": False}):
        picture.figure.savefig(buffer, format="svg", metadata=about)
    write_atomically(path, buffer.getvalue())


WRITERS: dict[str, Callable[[AttentionView, Path], object]] = {
    ".png": lambda view, path: view.picture().save(path),
    ".svg": _svg,
    ".html": lambda view, path: write_atomically(path, attention_page(view).encode()),
    ".safetensors": lambda view, path: view.token_map.save(path),
    ".csv": lambda view, path: write_atomically(path, view.table.to_csv(index=False).encode()),
}
