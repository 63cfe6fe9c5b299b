"""Cut the README's pictures out of the executed notebooks: docs/pictures/<notebook>.png.

A notebook marks the cell whose picture is its main view with the tag "main-view".
"""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path

from bs4 import BeautifulSoup
from PIL import Image

CHECKOUT = Path(__file__).parents[1]
WIDTH_PIXELS = 760


def main_view(page: Path) -> Image.Image:
    """The first picture of the tagged cell of an executed notebook's HTML."""
    soup = BeautifulSoup(page.read_text(), "html.parser")
    image = soup.select_one(".celltag_main-view img")
    if image is None:
        sys.exit(f"{page}: no picture in a cell tagged main-view; tag one and run make notebooks")
    encoded = str(image["src"]).split(",", 1)[1]
    return Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")


def save(image: Image.Image, path: Path) -> None:
    """Write a small PNG: shrunk to the README's column, 256 colours."""
    image.thumbnail((WIDTH_PIXELS, 2 * WIDTH_PIXELS), Image.Resampling.LANCZOS)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.quantize(256).save(path, optimize=True)
    print(f"{path.relative_to(CHECKOUT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    for page in sorted((CHECKOUT / "build" / "notebooks").glob("*.html")):
        save(main_view(page), CHECKOUT / "docs" / "pictures" / f"{page.stem}.png")
