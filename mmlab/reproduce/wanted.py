"""Files that a benchmark needs: where they belong, what they are, and where to get them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Wanted:
    """A file, or one file for each video.

    Attributes:
        path: below the data folder; `*` stands for the id of every video.
        what: what it is.
        where: the address, or how it is made.
        instead: other paths of which any does as well.
    """

    path: str
    what: str
    where: str
    instead: tuple[str, ...] = ()

    def find(self, data_folder: Path) -> Path | None:
        """The file, or the folder of the videos' files; None if there is none."""
        for path in (self.path, *self.instead):
            if "*" not in path and (data_folder / path).exists():
                return data_folder / path
            if "*" in path and any(data_folder.glob(path)):
                return (data_folder / path).parent
        return None

    def __str__(self) -> str:
        return f"{self.path}\n    {self.what}; {self.where}"


def missing(wanted: Iterable[Wanted], data_folder: Path) -> list[Wanted]:
    """Those that are not there, each once."""
    return [one for one in dict.fromkeys(wanted) if one.find(data_folder) is None]


def found(wanted: Wanted, data_folder: Path) -> Path:
    """Where it is.

    Raises:
        FileNotFoundError: it is not there; says what it is and where to get it.
    """
    path = wanted.find(data_folder)
    if path is None:
        raise FileNotFoundError(f"{data_folder} lacks {wanted}")
    return path
