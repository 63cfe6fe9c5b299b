"""Every view also stands still: a PNG and one sentence, for exports, GitHub and screen readers.

Live, a view's output holds the widget, the PNG and the sentence; a front end shows the first
that it can, and a notebook that was saved keeps what is needed without a kernel. While `jupyter
nbconvert` executes, it holds no widget: stored widget state would need scripts from the net and
draws nothing without a kernel.
"""

from __future__ import annotations

import base64
import html
import io
import os
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import comm
import matplotlib
import psutil
from matplotlib.figure import Figure
from matplotlib.image import AxesImage, BboxImage, FigureImage
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from mmlab.files import write_atomically

PIXELS_PER_INCH = 144
"""Saved at twice the shown size, so that pictures are sharp on dense screens."""

STAMP = "mmlab"
"""The field of a PNG's text in which the stamp of its view lies."""

MADE_OF_GREY = "#6E6E6E"

IN_THE_DARK = """<style>
:is([data-jp-theme-light="false"], .vscode-dark) .mmlab-drawn {
  filter: invert(0.93) hue-rotate(180deg);
}
</style>"""
"""A drawing on a dark page: white is dark and dark is light, and blue stays blue."""

MimeBundle = tuple[dict[str, Any], dict[str, Any]]


@dataclass(frozen=True)
class Picture:
    """A matplotlib figure with the sentence that says what it shows.

    As a cell's last expression it displays the figure; the sentence is its alternative text.

    Attributes:
        figure: any matplotlib figure.
        sentence: one plain sentence, for those who cannot see the picture.
        made_of: what it was made of, written small below it.
        stamp: the same as JSON, kept in the PNG; see `mmlab.views.stamp`.
    """

    figure: Figure
    sentence: str
    made_of: str = ""
    stamp: str = ""

    def png(self) -> bytes:
        """The figure as PNG bytes, with the sentence and the stamp in its text fields."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=PIXELS_PER_INCH)
        image = _with_line_below(Image.open(buffer).convert("RGB"), self.made_of)
        told = PngInfo()
        told.add_itxt("Description", self.sentence)
        if self.stamp:
            told.add_itxt(STAMP, self.stamp)
        written = io.BytesIO()
        image.save(written, format="png", pnginfo=told, dpi=(PIXELS_PER_INCH, PIXELS_PER_INCH))
        return written.getvalue()

    @property
    def is_drawn(self) -> bool:
        """Whether it is all lines and words, with nothing photographed or of graded colours."""
        images = AxesImage, BboxImage, FigureImage
        return not self.figure.findobj(lambda one: isinstance(one, images))

    def save(self, path: Path | str) -> None:
        """Write the PNG to a file, whole or not at all."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, self.png())

    def _repr_mimebundle_(self, **_: Any) -> MimeBundle:
        png = self.png()
        encoded = base64.b64encode(png).decode()
        width, height = (
            round(100 * pixels / PIXELS_PER_INCH) for pixels in Image.open(io.BytesIO(png)).size
        )
        told = _figure_tag(encoded, self.sentence, width, drawn=self.is_drawn)
        data = {"text/html": told, "image/png": encoded, "text/plain": self.sentence}
        shape = {"alt": self.sentence, "width": width, "height": height}
        return data, {"image/png": shape}


class StandsStill:
    """Mixed in before a widget class: the widget's output also holds its `still()` picture."""

    def still(self) -> Picture:
        """The view as it is now, as a picture with a sentence."""
        raise NotImplementedError(f"{type(self).__name__} must say how it looks standing still")

    def picture(self) -> Picture:
        """`still()` with all that belongs to it."""
        return self.still()

    def _repr_mimebundle_(self, **kwargs: Any) -> MimeBundle:
        data, metadata = self.picture()._repr_mimebundle_()
        if under_nbconvert():
            return data, metadata
        live = super()._repr_mimebundle_(**kwargs)  # type: ignore[misc]
        live_data = live[0] if isinstance(live, tuple) else live
        return {**(live_data or {}), **data}, metadata


def under_nbconvert() -> bool:
    """Whether this process is a kernel that nbconvert started.

    The environment variable MMLAB_STATIC (1 or 0) decides where it is set.
    """
    wanted = os.environ.get("MMLAB_STATIC", "")
    if wanted:
        return wanted != "0"
    parent = psutil.Process().parent()
    try:
        command = parent.cmdline() if parent else []
    except psutil.Error:  # the parent has ended or belongs to someone else
        return False
    return any("nbconvert" in Path(part).name for part in command[:4])


def keep_exports_offline() -> None:
    """Under nbconvert, store no widget state and let plain plotly figures carry their script.

    Without this an exported page loads widget scripts from the net, and plotly figures that are
    not wrapped in one of our views vanish from it without a word.
    """
    if not under_nbconvert():
        return
    import plotly.io  # half a second that only exports pay

    plotly.io.renderers.default = "plotly_mimetype+notebook"
    comm.create_comm = comm.DummyComm


def _with_line_below(image: Image.Image, words: str) -> Image.Image:
    """The picture with small grey words in a white strip of its own; as it is without words."""
    if not words:
        return image
    size = PIXELS_PER_INCH // 9
    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", size)
    margin = size
    fitting = int((image.width - 2 * margin) / font.getlength("n"))
    lines = textwrap.wrap(words, fitting, break_on_hyphens=False)
    height = image.height + len(lines) * (size + 6) + size // 2
    taller = Image.new("RGB", (image.width, height), "white")
    taller.paste(image)
    text = "\n".join(lines)
    ImageDraw.Draw(taller).text((margin, image.height), text, fill=MADE_OF_GREY, font=font)
    return taller


def _figure_tag(encoded: str, sentence: str, width: int, *, drawn: bool) -> str:
    # nbconvert's page drops the alternative text of image/png, so the page gets a tag of ours.
    # The sentence is there to see, too: a page that is printed has no alternative text.
    told = html.escape(sentence, quote=True)
    return (
        f'{IN_THE_DARK * drawn}<figure style="margin: 0; max-width: {width}px">'
        f'<img class="{"mmlab-drawn" * drawn}" src="data:image/png;base64,{encoded}" '
        f'alt="{told}" width="{width}" '
        'style="max-width: 100%; height: auto; border-radius: 8px">'
        f'<figcaption aria-hidden="true" style="opacity: 0.8; font-size: 0.85em">{told}'
        "</figcaption></figure>"
    )
