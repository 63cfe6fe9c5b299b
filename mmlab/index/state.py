"""What an index folder holds, in one small file that changes in one step."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from mmlab.files import write_atomically
from mmlab.index.protocol import IndexAbout
from mmlab.index.segment import Segment

COMPLETE, DRAFT = "index.json", "building.json"
"""A reader reads the complete index. A build goes on from its draft and ends by replacing it."""

VERSION = 1


@dataclass(frozen=True)
class State:
    """One generation of an index.

    Attributes:
        about: what it is of.
        generation: counts its changes.
        segments: the names of the segments, in order.
        rows: of each of them.
        alive: the file of (sum of rows,) bool that says which rows count; "" if all do.
        graphs: the name of the graphs that faiss walks, "" if there are none.
        graphed: how many of the first segments they cover.
    """

    about: IndexAbout
    generation: int = 0
    segments: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    alive: str = ""
    graphs: str = ""
    graphed: int = 0

    def save(self, path: Path) -> None:
        """Put it in place in one step."""
        content = {"version": VERSION, **asdict(self)}
        write_atomically(path, json.dumps(content, indent=1).encode())


def read_state(path: Path) -> State:
    """The generation that a file tells of.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged, or of another version.
    """
    content = path.read_bytes()
    try:
        found = json.loads(content)
        version = found.pop("version")
        if version == VERSION:
            about = found.pop("about")
            about["combinations"] = tuple(about["combinations"])
            found |= {name: tuple(found[name]) for name in ("segments", "rows")}
            return State(IndexAbout(**about), **found)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: is damaged or of no index ({error!r:.200}); choose another folder or, if it "
            f"is an index, delete {path.parent} and run `mmlab index` again"
        ) from None
    raise ValueError(
        f"{path}: is an index of version {version}, this is version {VERSION}; "
        "index into another folder"
    )


def open_segments(folder: Path, state: State) -> list[Segment]:
    """The segments of a generation of the index in a folder."""
    named = zip(state.segments, state.rows, strict=True)
    return [Segment(folder / "segments" / name, rows) for name, rows in named]
