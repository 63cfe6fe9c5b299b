"""The place where a file is dropped: what the browser sends, piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from mmlab.media import MediaError
from mmlab.question.uploads import MOST_BYTES, MOST_SECONDS, Incoming, Upload, describe
from mmlab.views.stylesheet import stylesheet

FOLDER = Path(__file__).parent
SCRIPTS = ("elements.js", "recording.js", "sending.js", "drop.js")

PIECE_BYTES = 1_000_000
"""Jupyter refuses messages of more than 10 MB."""

OnFile = Callable[[Path | None, str], object]
"""Is told where the file lies (None when it was taken away) and its owner's name for it."""


class MediaDrop(anywidget.AnyWidget):
    """Drop a video or a sound, choose one, or record from the microphone.

    The file comes in pieces and is kept in the data folder; what is wrong with it is said in
    `message`. Only one file is here at a time: a newer one takes the place of an older one, and
    one that is refused leaves it where it is.

    Attributes:
        upload: the file that is here, None while there is none.
        file_name: its owner's name for it, only ever shown as text.
        note: what it is, such as "3.0 s, sound alone".
        message: why another one was not taken; "" if nothing is wrong.

    Example:
        >>> drop = MediaDrop()
        >>> drop.on_file(lambda path, name: print(name, "lies at", path))
    """

    _esm = "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS)
    _css = stylesheet(FOLDER / "drop.css")

    file_name = traitlets.Unicode().tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    piece_bytes = traitlets.Int(PIECE_BYTES).tag(sync=True)
    most_bytes = traitlets.Int(MOST_BYTES).tag(sync=True)
    most_seconds = traitlets.Float(MOST_SECONDS).tag(sync=True)

    def __init__(self, on_file: OnFile | None = None) -> None:
        super().__init__()
        self.upload: Upload | None = None
        self._callbacks: list[OnFile] = [on_file] if on_file else []
        self._incoming: Incoming | None = None
        self._sender = self._name = ""  # of the transfer that `_incoming` is of
        self.on_msg(self._answer)

    def on_file(self, callback: OnFile) -> None:
        """Call this with (path, name) of every file that was kept; (None, "") when taken away."""
        self._callbacks.append(callback)

    def show(self, path: Path | str | None, name: str = "") -> None:
        """Show a file that is here already, or none, without telling anybody.

        Args:
            path: a media file; None empties the place.
            name: what to call it; by default the file's own name.
        """
        self.upload, self.file_name, self.note, self.message = None, "", "", ""
        if path is None:
            return
        try:
            upload = describe(Path(path))
        except MediaError as error:
            self.message = _sentence(str(error), str(path))
        else:
            self._here(upload, name or Path(path).name)

    def close(self) -> None:
        """Drop what is on its way, too."""
        self._stop()
        super().close()

    def _answer(self, _: Any, content: dict[str, Any], buffers: list[memoryview]) -> None:
        """One message of a transfer: its begin, a piece, its end; or the file is taken away."""
        kind, sender = content.get("kind"), str(content.get("sender", ""))
        if kind == "remove":
            self.show(None)
            self._tell(None, "")
        elif kind == "begin":
            self._begin(sender, str(content.get("name", "")), int(content.get("bytes", 0)))
        elif self._incoming is None or sender != self._sender:
            self.send({"kind": "stopped", "sender": sender})  # a newer one took its place
        elif kind == "piece":
            self._taking(lambda incoming: incoming.add(buffers[0]))
        elif kind == "end":
            self._taking(self._finish)
        elif kind == "cancel":
            self._stop()

    def _begin(self, sender: str, name: str, expected_bytes: int) -> None:
        self._stop()
        self._sender, self._name, self.message = sender, name, ""
        try:
            self._incoming = Incoming(name, expected_bytes)
        except ValueError as problem:
            self._refuse(problem)
        else:
            self._ask_for_more()

    def _taking(self, take: Callable[[Incoming], object]) -> None:
        if self._incoming is None:
            return
        try:
            take(self._incoming)
        except ValueError as problem:
            self._refuse(problem)
        else:
            self._ask_for_more()

    def _finish(self, incoming: Incoming) -> None:
        upload = incoming.finish()
        self._incoming = None
        self._here(upload, incoming.name)
        self.send({"kind": "kept", "sender": self._sender})
        self._tell(upload.path, incoming.name)

    def _ask_for_more(self) -> None:
        if self._incoming is not None:
            at = self._incoming.received_bytes
            self.send({"kind": "more", "sender": self._sender, "at": at})

    def _refuse(self, problem: ValueError) -> None:
        self.message = _sentence(str(problem), self._name)
        self.send({"kind": "stopped", "sender": self._sender})
        self._stop()

    def _stop(self) -> None:
        if self._incoming is not None:
            self._incoming.cancel()
        self._incoming = None

    def _here(self, upload: Upload, name: str) -> None:
        self.upload, self.file_name, self.note, self.message = upload, name, upload.note, ""

    def _tell(self, path: Path | None, name: str) -> None:
        for callback in self._callbacks:
            callback(path, name)


def _sentence(words: str, name: str) -> str:
    """NAME: What is wrong; what to do."""
    ends = len(name) if words.startswith(f"{name}: ") else words.find(": ")
    told = words[ends + 2 :].removesuffix(".")
    return f"{words[:ends]}: {told[:1].upper()}{told[1:]}."
