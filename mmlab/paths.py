"""Where generated and downloaded data live."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder() -> Path:
    """The folder of all data: $MMLAB_DATA if set, else `data/` of the checkout.

    It need not exist yet; whoever writes there makes it.
    """
    chosen = os.environ.get("MMLAB_DATA", "")
    return Path(chosen).expanduser() if chosen else Path(__file__).parents[1] / "data"
