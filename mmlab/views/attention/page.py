"""The attention view as one page of HTML: words, seconds, heat and the clip, without a kernel."""

from __future__ import annotations

import base64
import json
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmlab.explanation import TokenMap
from mmlab.media import MediaError, cut_clip
from mmlab.views.attention.clock import SCRIPT, STYLE
from mmlab.views.attention.deletion import deletion_html
from mmlab.views.attention.links import HEAD, links_title, strongest_links
from mmlab.views.attention.telling import notes, unit_of
from mmlab.views.static import STAMP

if TYPE_CHECKING:
    from mmlab.views.attention.view import AttentionView

HERE = Path(__file__).parent
MOST_MEDIA_BYTES = 10_000_000
"""A longer clip is left out of its page: it would be no page to send to anybody."""

KEPT = ("lanes", "span", "shown", "chosen", "second", "every_word", "message", "truth")


def attention_page(view: AttentionView) -> str:
    """The page; what is said in it is text, whatever the caption holds."""
    token_map, picture = view.token_map, view.picture()
    title = escape(token_map.caption or "A clip without words")
    names = "".join(
        f"<option{' selected' if name == view.weighting.value else ''}>{escape(name)}</option>"
        for name in token_map.weights
    )
    several = any(len(heat) > 1 for heat in token_map.weights.values())
    rows = f'<label><input type="checkbox"{" checked" * view.clock.every_word}> all words</label>'
    png = _base64(picture.png())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="{STAMP}" content="{escape(picture.stamp, quote=True)}">
<style>{HERE.joinpath("page.css").read_text()}{STYLE}</style></head>
<body><main><h1>{title}</h1><p>{escape(" ".join(notes(token_map)))}</p>
<div class="tools"><label>Heat <select>{names}</select></label>{rows * several}</div>
<div id="clock"></div>
<div class="mmlab-attention-below">{_video(token_map, view.player.caption)}
<div class="mmlab-links"></div><div class="mmlab-deletion">{_worths(view)}</div></div>
<details><summary>As a picture</summary><figure>
<img alt="{escape(picture.sentence, quote=True)}" src="data:image/png;base64,{png}">
<figcaption>{escape(picture.sentence)}</figcaption></figure></details>
<p><small>{escape(picture.made_of)}</small></p></main>
<script type="application/json" id="clock-state">{_as_json(_state(view))}</script>
<script type="module">{SCRIPT}{HERE.joinpath("page.js").read_text()}</script>
</body></html>
"""


def _worths(view: AttentionView) -> str:
    """What was measured, each for its heat and row; page.js shows the one that is chosen."""
    measured = view.worths()
    numbers = {name: number for number, name in enumerate(view.token_map.weights)}
    found = [
        f'<div data-of="{numbers[weighting]} {row}" hidden>{deletion_html(worth)}</div>'
        for (weighting, row), worth in measured.items()
    ]
    missing = "This heat of this word was not measured; choose it in the notebook and save again."
    return "".join([*found, f"<p hidden>{missing}</p>" if found else ""])


def _state(view: AttentionView) -> dict[str, Any]:
    """The traits of the clock as JSON, bytes in base64, and every weighting."""
    clock, token_map = view.clock, view.token_map
    whole = [one for one in clock.pictures if [one["start"], one["end"]] == clock.span]
    at_rest = {"playhead": clock.span[0], "playing": False, "player_id": ""}
    return {
        "state": {name: getattr(clock, name) for name in KEPT} | at_rest,
        "seconds": _base64(clock.seconds),
        "pictures": [{**picture, "bytes": _base64(picture["bytes"])} for picture in whole],
        "head": HEAD,
        "weightings": {name: _weighting(token_map, name) for name in token_map.weights},
    }


def _weighting(token_map: TokenMap, name: str) -> dict[str, Any]:
    heat, rows = token_map.weights[name], token_map.rows(name)
    weights = _base64(heat.astype("<f4").tobytes())
    links = [
        {
            "title": links_title(token_map, name, row),
            "cells": strongest_links(token_map, name, row=row),
        }
        for row in range(len(rows))
    ]
    return {"rows": rows, "whole": 0, "unit": unit_of(heat), "weights": weights, "links": links}


def _video(token_map: TokenMap, caption: str) -> str:
    """The clip inside the page, or a sentence where that cannot be."""
    if token_map.media_path is None:
        return ""
    try:
        media = cut_clip(token_map.media_path, *token_map.span)
    except (MediaError, OSError) as error:
        return f"<p>{escape(str(error))}</p>"
    if len(media) > MOST_MEDIA_BYTES:
        return f"<p>The clip is left out: it has {len(media) / 1e6:.0f} MB.</p>"
    name = f'aria-label="{escape(caption, quote=True)}"'
    return f'<video controls {name} src="data:video/mp4;base64,{_base64(media)}"></video>'


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _as_json(state: dict[str, Any]) -> str:
    """JSON that cannot end the script element in which it stands."""
    return json.dumps(state).replace("<", "\\u003c")
