"""Numbers with their nouns, for the sentences of views."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str = "") -> str:
    """Such as "1 pair" or "1,204 clips"; `plural` for nouns that do not just take an s."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
