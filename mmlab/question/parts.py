"""What is asked: sentences, pictures and sounds, each with a weight, and what is not wanted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, get_args

from mmlab.types import Modality

Fusion = Literal["joint", "late"]
"""All tokens in one pass, or the weighted mean of what each part is alone."""

SENSES = {"video": "picture", "audio": "sound"}
"""What a reader calls a modality."""

MOST_CHARACTERS = 80
"""Of a sentence or a name, where a question is said in words."""

MOST_STRENGTH = 10.0
"""With more of it, what is wanted hardly counts any more."""


@dataclass(frozen=True)
class Part:
    """One sentence, picture or sound of a question.

    Attributes:
        modality: such as "text", "video" or "audio".
        source: a sentence; of every other modality a clip_id, or the path of a media file.
        weight: how much it counts, from 0 (not at all) to 1.
        on: False: as if it were not there.
        label: what a reader calls the source; default: the source itself.

    Raises:
        ValueError: names the field and says what it must be.
    """

    modality: Modality
    source: str
    weight: float = 1.0
    on: bool = True
    label: str = ""

    def __post_init__(self) -> None:
        for name in ("modality", "source"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise ValueError(f"{name} of a part must be a string, not empty, found {value!r}")
        _keep_number(self, "weight", 1)
        if not isinstance(self.on, bool):
            raise ValueError(f"on must be true or false, found {self.on!r}")
        if not isinstance(self.label, str):
            raise ValueError(f"label must be a string, found {self.label!r}")

    @property
    def counts(self) -> bool:
        """Whether it takes part: it is on and weighs something."""
        return self.on and self.weight > 0

    def in_words(self) -> str:
        """Such as “slice the tomato” (0.5), or: the sound of knock.wav."""
        return _in_words([self])


@dataclass(frozen=True)
class Question:
    """Parts that are fused into one question, and words that count against an answer.

    Attributes:
        parts: what is asked; only those that are on and weigh something count.
        without: sentences whose likeness to a clip is taken from its score.
        strength: how much of it is taken away, from 0 (nothing) to `MOST_STRENGTH`.
        among: what of the clips is looked through, such as "video+audio"; "" = all but text.
        fusion: "joint" or "late", of the question and of the clips.

    Raises:
        ValueError: names the field and says what it must be.

    Example:
        >>> Question.of(text="slice the tomato", audio="knock.wav", without="onion").in_words()
        '“slice the tomato” and the sound of knock.wav, without “onion”'
    """

    parts: tuple[Part, ...]
    without: tuple[str, ...] = ()
    strength: float = 0.5
    among: str = ""
    fusion: Fusion = "joint"

    def __post_init__(self) -> None:
        for name, kind, what in (("parts", Part, "parts"), ("without", str, "sentences")):
            value = getattr(self, name)
            if not isinstance(value, tuple) or not all(isinstance(one, kind) for one in value):
                raise ValueError(f"{name} must be a tuple of {what}, found {value!r}")
        if not all(term.strip() for term in self.without):
            raise ValueError(f"without must not hold an empty sentence, found {self.without!r}")
        _keep_number(self, "strength", MOST_STRENGTH)
        if not isinstance(self.among, str):
            raise ValueError(f"among must be such as 'video+audio' or '', found {self.among!r}")
        if self.fusion not in get_args(Fusion):
            raise ValueError(f"fusion must be 'joint' or 'late', found {self.fusion!r}")

    @classmethod
    def of(
        cls,
        *,
        without: str | Sequence[str] = (),
        strength: float = 0.5,
        among: str = "",
        fusion: Fusion = "joint",
        weights: Mapping[Modality, float] | None = None,
        **parts: str | Path | None,
    ) -> Question:
        """The common case: at most one part of each modality.

        Args:
            without: sentences, or one string of them divided by commas.
            strength: see the class, as `among` and `fusion`.
            among: likewise.
            fusion: likewise.
            weights: of the modalities that do not weigh 1.
            **parts: `text`, a sentence; `video`, `audio`: a clip_id or a media file. What is None
                or empty is no part.
        """
        given = {name: str(part).strip() for name, part in parts.items() if part is not None}
        weights = dict(weights or {})
        if unasked := set(weights) - {name for name, source in given.items() if source}:
            raise ValueError(f"weights has {sorted(unasked)}, of which no part is asked for")
        terms = without.split(",") if isinstance(without, str) else without
        return cls(
            tuple(
                Part(name, source, weights.get(name, 1.0))
                for name, source in given.items()
                if source
            ),
            without=tuple(term.strip() for term in terms if term.strip()),
            strength=strength,
            among=among,
            fusion=fusion,
        )

    @property
    def counting(self) -> tuple[Part, ...]:
        """The parts that are on and weigh something."""
        return tuple(part for part in self.parts if part.counts)

    def in_words(self) -> str:
        """The question as a reader would say it; "" where nothing is asked."""
        parts = [_in_words(list(same)) for _, same in groupby(self.counting, _medium)]
        if not parts:
            return ""
        said = " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
        if self.without:
            said += f", without {' or '.join(map(quoted, self.without))}"
        if self.among:
            said += f", among {self.among}"
        return f"{said}, fused late" if self.fusion == "late" else said

    def to_json(self) -> str:
        """What `from_json` reads."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Question:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is none; names the field.
        """
        try:
            loaded = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"a question is read from JSON, this is none: {error}") from error
        read = _fields_of(loaded, cls)
        parts = [Part(**_fields_of(part, Part)) for part in _list(read, "parts")]
        without = tuple(_list(read, "without")) if "without" in read else ()
        return cls(**{**read, "parts": tuple(parts), "without": without})


def quoted(words: str) -> str:
    """In quotation marks, cut off where they are long."""
    return f"“{_cut(words)}”"


def refuse_top(top: object) -> None:
    """Raise a ValueError unless `top` is how many answers can be given."""
    if not isinstance(top, Integral) or isinstance(top, bool) or top < 1:
        raise ValueError(
            f"top is how many answers to give, a whole number and at least 1, found {top!r}"
        )


def _cut(words: str) -> str:
    if len(words) <= MOST_CHARACTERS:
        return words
    return words[: MOST_CHARACTERS - 1].rstrip() + "…"


def _medium(part: Part) -> object:
    """What the senses of one medium have in common where they weigh the same."""
    if part.modality == "text":
        return id(part)
    return part.source, part.label, part.weight


def _in_words(parts: Sequence[Part]) -> str:
    """A sentence, or one or more senses of one medium."""
    first = parts[0]
    name = first.label or first.source
    senses = " and ".join(SENSES.get(part.modality, part.modality) for part in parts)
    said = quoted(name) if first.modality == "text" else f"the {senses} of {_cut(name)}"
    return said if first.weight == 1 else f"{said} ({first.weight:.3g})"


def _fields_of(read: Any, kind: type[Part] | type[Question]) -> dict[str, Any]:
    """What is read, if it has the fields of a part or question and no others."""
    known = {field.name for field in fields(kind)}
    needed = {"modality", "source"} if kind is Part else {"parts"}
    if not isinstance(read, dict) or not needed <= set(read) <= known:
        raise ValueError(
            f"a {kind.__name__.lower()} as JSON has {', '.join(sorted(needed))} and may have "
            f"{', '.join(sorted(known - needed))}; found {read!r}"
        )
    return read


def _list(read: dict[str, Any], name: str) -> list[Any]:
    if not isinstance(read[name], list):
        raise ValueError(f"{name} must be a list, found {read[name]!r}")
    return read[name]


def _keep_number(one: Part | Question, name: str, most: float) -> None:
    """Keep a number of any kind, such as NumPy's, as a float: JSON knows no other."""
    value = getattr(one, name)
    if not _is_number(value) or not 0 <= value <= most:
        raise ValueError(f"{name} must be a number from 0 to {most:g}, found {value!r}")
    object.__setattr__(one, name, float(value))


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
