"""A widget's stylesheet: its own rules, and the colours that all views share."""

from __future__ import annotations

from pathlib import Path

COLOURS = Path(__file__).with_name("colours.css")


def stylesheet(*paths: Path) -> str:
    """One text for a widget's `_css`, which has to stand alone on its page."""
    return "\n".join(path.read_text(encoding="utf-8") for path in (COLOURS, *paths))
