"""The strongest links between words and seconds as text, for those who cannot see colours."""

from __future__ import annotations

from html import escape

import numpy as np

from mmlab.explanation import ALL_WORDS, TokenMap
from mmlab.views.attention.telling import amount, in_minutes, span_text, two_digits, unit_of
from mmlab.views.theme import MODALITY_WORDS

HEAD = ("word", "in", "seconds", "weight", "× even")
EVERYTHING = "everything"
"""Whose heat it is where no single word has any."""

Link = tuple[str, str, str, str, str]


def strongest_links(
    token_map: TokenMap, weighting: str, *, row: int = 0, top: int = 8
) -> list[Link]:
    """The strongest links: word, "picture" or "sound", seconds, weight, times an even share.

    Args:
        token_map: whose words and seconds.
        weighting: which of its heats.
        row: of one word; 0: of all words, or of everything where there are none.
        top: how many.
    """
    heat, names = token_map.weights[weighting], token_map.rows(weighting)
    first, last = (row, row + 1) if row else (min(1, len(names) - 1), len(names))
    part, unit, minutes = heat[first:last], unit_of(heat), in_minutes(token_map.span)
    found = []
    for place in np.argsort(-part, axis=None, kind="stable")[:top].tolist():
        number, column = divmod(place, heat.shape[1])
        word, what, weight = names[first + number], token_map.modality[column], part[number, column]
        even = part[number].mean()
        found.append(
            (
                EVERYTHING if word == ALL_WORDS else word,
                MODALITY_WORDS.get(what, what),
                span_text(*token_map.seconds[column], minutes=minutes),
                amount(float(weight), unit),
                two_digits(float(weight / even) if even else 0.0),
            )
        )
    return found


def links_title(token_map: TokenMap, weighting: str, row: int) -> str:
    """Whose links stand below."""
    names = token_map.rows(weighting)
    if row:
        return f"Strongest seconds of “{names[row]}”, by {weighting}"
    whose = "links of all words" if len(names) > 1 else "seconds"
    return f"Strongest {whose}, by {weighting}"


def links_html(token_map: TokenMap, weighting: str, row: int = 0) -> str:
    """`strongest_links` as an HTML table with its headings; "" where there is none."""
    links = strongest_links(token_map, weighting, row=row)
    if not links:
        return ""
    head = "".join(f'<th scope="col">{name}</th>' for name in HEAD)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in link) + "</tr>" for link in links
    )
    caption = f"<caption>{escape(links_title(token_map, weighting, row))}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
