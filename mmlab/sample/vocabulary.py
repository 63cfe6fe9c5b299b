"""The words of the sample world: attributes, their concepts, and how people write them.

Every step of a sample video has five attributes. The first name of a concept is canonical: it is
what truth files hold and what the narrator says; captions use any of its synonyms.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

VOCABULARY: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "action": {
        "slice": ("slice", "cut", "chop"),
        "stir": ("stir", "mix"),
        "pour": ("pour", "drizzle"),
        "knead": ("knead", "work"),
        "whisk": ("whisk", "beat", "whip"),
        "grate": ("grate", "shred"),
        "fry": ("fry", "saute", "brown"),
        "peel": ("peel", "skin"),
        "mash": ("mash", "crush"),
        "sprinkle": ("sprinkle", "season", "dust"),
    },
    "ingredient": {
        "tomato": ("tomato",),
        "carrot": ("carrot",),
        "egg": ("egg",),
        "lemon": ("lemon", "citrus"),
        "onion": ("onion", "shallot"),
        "potato": ("potato", "spud"),
        "mushroom": ("mushroom", "champignon"),
        "broccoli": ("broccoli", "floret"),
        "strawberry": ("strawberry", "berry"),
        "banana": ("banana", "plantain"),
        "eggplant": ("eggplant", "aubergine"),
        "pepper": ("pepper", "capsicum"),
        "corn": ("corn", "maize"),
        "cheese": ("cheese", "cheddar"),
        "fish": ("fish", "trout"),
        "bread": ("bread", "loaf"),
    },
    "vessel": {
        "bowl": ("bowl", "basin"),
        "pan": ("pan", "skillet"),
        "board": ("board", "slab"),
        "plate": ("plate", "dish"),
        "pot": ("pot", "stockpot", "saucepan"),
    },
    "count": {
        "one": ("one", "1", "single"),
        "two": ("two", "2"),
        "three": ("three", "3"),
        "four": ("four", "4"),
    },
    "colour": {
        "red": ("red", "crimson"),
        "blue": ("blue", "navy"),
        "green": ("green", "emerald"),
        "yellow": ("yellow", "golden"),
        "white": ("white", "ivory"),
    },
}
"""attribute -> concept -> synonyms, the canonical word first. No word belongs to two concepts."""

VERSION = 4  # of the whole generator: raise it when the same seed gives anything else
ATTRIBUTES: tuple[str, ...] = tuple(VOCABULARY)
SPOKEN_FILLERS: tuple[str, ...] = ("now", "so", "then", "okay")
HELD_OUT_EVERY = 4  # one action × ingredient pair in four occurs in the test split only


def concepts(attribute: str) -> tuple[str, ...]:
    """The canonical words of one attribute, in a fixed order."""
    return tuple(VOCABULARY[attribute])


def spoken_words() -> tuple[str, ...]:
    """Every word that the narrator knows: all concepts, then the fillers."""
    named = [concept for attribute in ATTRIBUTES for concept in concepts(attribute)]
    return (*named, *SPOKEN_FILLERS)


def held_out_pairs(seed: int) -> frozenset[tuple[str, str]]:
    """The (action, ingredient) pairs of the test split; training never shows one of them.

    A shuffled Latin pattern: each action loses 4 of 16 ingredients and each ingredient 2 or 3 of
    10 actions, so all of them stay frequent in training.
    """
    generator = np.random.default_rng([seed, 0])
    actions = generator.permutation(concepts("action"))
    ingredients = generator.permutation(concepts("ingredient"))
    return frozenset(
        (str(action), str(ingredient))
        for row, action in enumerate(actions)
        for column, ingredient in enumerate(ingredients)
        if (row + column) % HELD_OUT_EVERY == 0
    )
