"""Who wants to know what somebody does on a map."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import cached_property
from typing import Any

import pandas as pd


class Tells:
    """Mixed into the map: calls back in the order of asking."""

    def on_select(self, callback: Callable[[pd.DataFrame], object]) -> None:
        """Call back with `selection` whenever points are selected or a clip is chosen."""
        self._listeners["select"].append(callback)

    def on_hover(self, callback: Callable[[str], object]) -> None:
        """Call back with the clip_id of the point under the pointer."""
        self._listeners["hover"].append(callback)

    def on_search(self, callback: Callable[[str], object]) -> None:
        """Call back with the words that are searched."""
        self._listeners["search"].append(callback)

    @cached_property
    def _listeners(self) -> dict[str, list[Callable[[Any], object]]]:
        return defaultdict(list)

    def _tell(self, what: str, told: Any) -> None:
        for callback in self._listeners[what]:
            callback(told)
