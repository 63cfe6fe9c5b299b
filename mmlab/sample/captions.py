"""Captions as a speech recogniser would leave them: synonyms, templates, slips.

A caption leaves attributes out, and a few percent of its words are dropped, confused with another
concept of the same attribute, or preceded by a filler.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mmlab.sample.vocabulary import VOCABULARY, concepts

MENTIONED = {"action": 0.94, "ingredient": 0.91, "vessel": 0.64, "count": 0.64, "colour": 0.64}
"""How often a caption mentions each attribute (before words are dropped)."""
CONFUSED = 0.03  # of the concept words: another concept of the same attribute is written
DROPPED = 0.02  # of all words
FILLED = 0.03  # of all words: a filler comes before them

_FILLERS = ("um", "uh", "like", "okay", "so")
_OPENINGS = ("", "", "", "now", "next", "you want to", "we are going to", "go ahead and", "just")
_NO_ACTION = ("take", "here we have", "get", "continue with")
_UNCOUNTABLE = {
    "broccoli",
    "corn",
    "maize",
    "cheese",
    "cheddar",
    "fish",
    "trout",
    "citrus",
    "bread",
}

Token = tuple[str, str, str]
"""(written word, attribute or "", concept or "")"""


def write_caption(
    attributes: Mapping[str, str], generator: np.random.Generator
) -> tuple[str, dict[str, str]]:
    """Write one caption of a step.

    Returns:
        The text, and attribute -> concept as a reader of that text would understand it.
    """
    # Lists, not sets: the order of a set of strings differs from process to process.
    mentioned = [name for name, share in MENTIONED.items() if generator.random() < share]
    if not {"action", "ingredient"} & set(mentioned):
        mentioned.append("action")
    understood = {name: _recognised(name, attributes[name], generator) for name in mentioned}
    tokens = _compose(understood, generator)
    kept: list[Token] = []
    for token in tokens:
        if generator.random() < FILLED:
            kept.append((str(generator.choice(_FILLERS)), "", ""))
        if generator.random() >= DROPPED:
            kept.append(token)
    written = {attribute: concept for _, attribute, concept in kept if attribute}
    return " ".join(word for word, _, _ in kept), written


def _recognised(attribute: str, concept: str, generator: np.random.Generator) -> str:
    """The concept that the recogniser hears: rarely another one of the same attribute."""
    if generator.random() >= CONFUSED:
        return concept
    others = [other for other in concepts(attribute) if other != concept]
    return str(generator.choice(others))


def _compose(understood: Mapping[str, str], generator: np.random.Generator) -> list[Token]:
    """Put the mentioned attributes into one of the templates."""
    words = {
        name: (str(generator.choice(VOCABULARY[name][concept])), name, concept)
        for name, concept in understood.items()
    }
    verb = [words["action"]] if "action" in words else _plain(generator.choice(_NO_ACTION))
    thing = _thing(words, understood.get("count", "one") != "one")
    place = _place(words, understood.get("vessel", ""))
    opening = _plain(generator.choice(_OPENINGS)) if "action" in words else []
    order = generator.random()
    if place and order < 0.25:
        return [*place, *_plain("we" if "action" in words else ""), *verb, *thing]
    if place and order < 0.4:
        return [*_plain("with"), *thing, *place, *opening, *verb, *_plain("it")]
    return [*opening, *verb, *thing, *place]


def _thing(words: Mapping[str, Token], several: bool) -> list[Token]:
    """The noun phrase: "the carrot", "two carrots", "three of them", "it"."""
    if "ingredient" not in words:
        return [words["count"], *_plain("of them")] if "count" in words else _plain("it")
    word, attribute, concept = words["ingredient"]
    noun = (_plural(word) if several and "count" in words else word, attribute, concept)
    return [words["count"], noun] if "count" in words else [*_plain("the"), noun]


def _place(words: Mapping[str, Token], vessel: str) -> list[Token]:
    """The phrase of place: "in the red bowl", "on the board", or nothing."""
    if not {"vessel", "colour"} & set(words):
        return []
    preposition = "on" if vessel in ("board", "plate") else "in"
    colour = [words["colour"]] if "colour" in words else []
    return [*_plain(f"{preposition} the"), *colour, words.get("vessel", ("container", "", ""))]


def _plain(phrase: Sequence[str]) -> list[Token]:
    """The tokens of a phrase that names no attribute."""
    return [(word, "", "") for word in str(phrase).split()]


def _plural(noun: str) -> str:
    if noun in _UNCOUNTABLE or noun == "loaf":
        return "loaves" if noun == "loaf" else noun
    if noun.endswith("y"):
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("o", "sh", "ch")) else "s")
