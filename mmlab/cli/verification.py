"""The command that holds the model against the published code's numbers."""

from __future__ import annotations

import sys
from pathlib import Path

from tyro.conf import Positional


def verify(files: Positional[list[Path]]) -> None:
    """Compare the model with numbers of the published code: one JSON line for each file.

    Exits with 1 if a file fails.

    Args:
        files: .npz with a model, a batch, and its outputs, loss and gradients.
    """
    from mmlab.verify import verify as compare

    if not files:
        raise ValueError("name one .npz file or more")
    passed = True
    for file in files:
        verdict = compare(file)
        print(verdict.to_json(), flush=True)
        passed = passed and verdict.passed
    if not passed:
        sys.exit(1)
