"""What a view was made of, said below it and kept with its picture, so that it can be made again.

A stamp has a short name, such as "EmbeddingMap-3f2a9c41". Under that name it is kept in the data
folder; whole, as JSON, it lies in every PNG that the view leaves. `mmlab.views.reopen` takes all.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace
from html import escape, unescape
from pathlib import Path
from typing import Any, Self

import ipywidgets
from PIL import Image

from mmlab.files import write_atomically
from mmlab.origin import Origin
from mmlab.paths import data_folder
from mmlab.views.static import STAMP, Picture, StandsStill

IN_A_PAGE = re.compile(
    rf'<meta name="{STAMP}" content="([^"]*)"|<dc:identifier>([^<]*)</dc:identifier>'
)
"""Where a saved page or drawing keeps its stamp."""

MOST_KEPT = 500
"""Stamps that the data folder keeps by name; the oldest go."""


@dataclass(frozen=True)
class Stamp:
    """Everything that a view was made of.

    Attributes:
        view: the name of its class.
        parameters: what it was made with and how it is set, beside the retriever.
        origin: model, data and clips.
    """

    view: str
    parameters: dict[str, Any]
    origin: Origin

    @property
    def name(self) -> str:
        """Short: the view and eight digits of the hash of all the rest."""
        return f"{self.view}-{hashlib.blake2b(self.to_json().encode(), digest_size=4).hexdigest()}"

    def __str__(self) -> str:
        told = [_in_words(*item) for item in self.parameters.items() if _is_short(item[1])]
        return " · ".join([str(self.origin), *told, f"stamp {self.name}"])

    def to_json(self) -> str:
        """All of it as one line."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote.

        Raises:
            ValueError: it is no stamp.
        """
        try:
            fields = json.loads(text)
            return cls(**{**fields, "origin": Origin(**fields["origin"])})
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"this is no stamp of a view ({error!r}): {text[:80]!r}") from error

    def keep(self) -> str:
        """Write it to the data folder, where its name finds it again.

        Returns:
            What stands below the view, and why it could not be kept if so: no view fails for that.
        """
        path = _kept(self.name)
        try:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, self.to_json().encode())
                _forget_the_oldest(path.parent)
        except OSError as error:
            return f"{self} (not kept: {error})"
        return str(self)


class Stamped(StandsStill):
    """Mixed in before a widget class: a view of a retriever that says what it was made of.

    Attributes:
        retriever: model and clips; None for a view of somebody else's vectors or tokens.
    """

    retriever: Any  # Retriever | None; views that need one say `retriever: Retriever`

    def parameters(self) -> dict[str, Any]:
        """What makes the same view again beside the retriever, as JSON values."""
        raise NotImplementedError(f"{type(self).__name__} must say what it was made with")

    @classmethod
    def reopened(cls, retriever: Any, **parameters: Any) -> Self:
        """The view that `parameters` describes."""
        return cls(retriever, **parameters)  # type: ignore[call-arg]

    @property
    def stamp(self) -> Stamp | None:
        """What the view is made of as it is now."""
        if self.retriever is None:
            return None
        return Stamp(type(self).__name__, self.parameters(), self.retriever.origin)

    def stamp_line(self) -> ipywidgets.HTML:
        """The line below the view; call `restamp` when its settings change."""
        self._stamp_line = ipywidgets.HTML()
        self._stamp_line.add_class("mmlab-stamp")
        self.restamp()
        return self._stamp_line

    def restamp(self) -> None:
        """Say below the view what it is made of now, and keep that under its name."""
        stamp = self.stamp
        if stamp is not None:
            self._stamp_line.value = f"<small>Made of {escape(stamp.keep())}</small>"

    def picture(self) -> Picture:
        """`still()`, with the stamp in it and below it."""
        stamp, still = self.stamp, self.still()
        if stamp is None:
            return still
        return replace(still, stamp=stamp.to_json(), made_of=stamp.keep())


def read_stamp(source: Stamp | str | Path) -> Stamp:
    """A stamp from its JSON, its name, the line below a view, or a file that a view left.

    Raises:
        FileNotFoundError: no stamp of that name was kept in this data folder.
        ValueError: the text or the picture holds no stamp.
    """
    if isinstance(source, Stamp):
        return source
    text = str(source).strip()
    if text.startswith("{"):
        return Stamp.from_json(text)
    if text.lower().endswith((".png", ".html", ".svg")):
        return Stamp.from_json(_stamp_in(Path(text)))
    name = (text.split() or [""])[-1]  # the line ends with it
    if not _kept(name).exists():
        raise FileNotFoundError(
            f"no stamp {name!r} was kept in {_kept(name).parent}; give its JSON, or a .png, .html "
            "or .svg that the view left"
        )
    return Stamp.from_json(_kept(name).read_text())


def _stamp_in(path: Path) -> str:
    if path.suffix.lower() == ".png":
        with Image.open(path) as image:
            stamp = image.info.get(STAMP, "")
    else:
        found = IN_A_PAGE.search(path.read_text(encoding="utf-8"))
        stamp = unescape(found[1] or found[2]) if found else ""
    if not stamp:
        raise ValueError(f"{path} holds no stamp; it is nothing that one of our views left")
    return str(stamp)


def _kept(name: str) -> Path:
    return data_folder() / "cache" / "stamps" / f"{Path(name).name}.json"


def _forget_the_oldest(folder: Path) -> None:
    kept = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
    for path in kept[:-MOST_KEPT]:
        path.unlink(missing_ok=True)  # somebody else may have been faster


def _in_words(name: str, value: Any) -> str:
    plain = name.removesuffix("_id").replace("_", " ")
    return plain if value is True else f"{plain} {value}"


def _is_short(value: Any) -> bool:
    """What is said below a view: nothing of what is off, empty or long."""
    is_on = value is not False and value != ""
    return isinstance(value, (str, int, float)) and is_on and len(str(value)) <= 40
