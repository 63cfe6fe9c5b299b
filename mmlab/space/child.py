"""The process in which UMAP computes, as its parent sees it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np

PROGRAM = Path(__file__).with_name("umap_process.py")


class UmapChild:
    """Started at once, so that it loads umap while its parent looks for neighbours.

    It ends when its answer is read, when it is killed, and when this process is gone: then the
    pipe to its input closes.

    Args:
        seed: of the layout.
        min_dist: how close points may lie.
    """

    def __init__(self, *, seed: int, min_dist: float) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        settings = json.dumps({"seed": seed, "min_dist": min_dist})
        self._process = subprocess.Popen(  # -P: this folder's modules are no libraries of umap's
            [sys.executable, "-P", str(PROGRAM), settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,  # Ctrl-C is for the parent, which decides
        )

    def lay_out(self, indices: np.ndarray, distances: np.ndarray, start: np.ndarray) -> np.ndarray:
        """(n, 2) float32; see `umap_process.lay_out`.

        Raises:
            ChildProcessError: it ended without an answer, or was killed.
        """
        question = io.BytesIO()
        np.savez(question, indices=indices, distances=distances, start=start)
        with self._errors:
            with suppress(BrokenPipeError), self._process as process:  # it may have ended
                assert process.stdin
                assert process.stdout
                process.stdin.write(len(question.getvalue()).to_bytes(8, "big"))
                process.stdin.write(question.getvalue())
                process.stdin.flush()  # and left open: that it closes tells the child to end
                answer = process.stdout.read()
                if process.wait() == 0:
                    return np.load(io.BytesIO(answer), allow_pickle=False)
            raise ChildProcessError(f"UMAP ended without a layout: {self._last_words()}")

    def kill(self) -> None:
        """End it now, if it has not ended."""
        self._process.kill()
        self._process.wait()

    def _last_words(self) -> str:
        if self._process.returncode < 0:
            return f"signal {-self._process.returncode} ended it, perhaps for want of memory"
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit status {self._process.returncode}"
