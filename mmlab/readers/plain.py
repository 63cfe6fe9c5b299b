"""Values from outside as text."""

from __future__ import annotations

import numpy as np

NESTED = (list, tuple, dict, set, frozenset, np.ndarray)


def plain_text(value: object) -> str | None:
    """A value as text; None for what is no text, number or date.

    Lists in lists are not even tried: where each holds the one before twice, forty of them would
    take hours to write, and where they are thousands deep, Python gives up.
    """
    if isinstance(value, NESTED):
        return None
    try:
        return str(value)
    except ValueError:  # an integer of thousands of digits
        return None
