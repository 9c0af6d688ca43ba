"""What operators and clients wish of models, apart from their requests: to be loaded now, and how long they stay."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence, Set

from router.jobs.residency.plan import PlaceView, Stage
from shared.settings import ModelSettings

AT_ONCE_S = 0.001
MAX_IDLE_S = 1e9
"""About 30 years: no clock can tell a time after longer ones."""


class Wishes:
    """The orders to load that are not done yet, and the idle times that were given to models."""

    def __init__(self) -> None:
        self._loads: dict[str, float] = {}
        self._idle_unload_s: dict[str, float] = {}

    def load(self, model: str) -> None:
        """Load a model although nobody waits for it."""
        self._loads.setdefault(model, time.monotonic())

    def keep(self, model: str, idle_s: float) -> None:
        """Unload a model once it has been idle for this long, 0 for at once; if negative, never."""
        self._idle_unload_s[model] = 0.0 if idle_s < 0 else min(max(idle_s, AT_ONCE_S), MAX_IDLE_S)

    def idle_unload_s(self, model: ModelSettings) -> float:
        """After what time without jobs the model is unloaded; 0 is never."""
        return self._idle_unload_s.get(model.name, model.idle_unload_s)

    def forget(self, model: str) -> None:
        """Wish nothing of a model any more, as it is unloaded."""
        self._loads.pop(model, None)
        self._idle_unload_s.pop(model, None)

    def keep_only(self, models: Set[str]) -> None:
        """Forget what was wished of all other models."""
        for known in (self._loads, self._idle_unload_s):
            for model in known.keys() - models:
                del known[model]

    def settle(self, places: Sequence[PlaceView], has_failed: Callable[[str], bool]) -> None:
        """Forget the orders of models that are loaded, or have failed to load."""
        loaded = {place.model for place in places if place.stage is Stage.READY}
        self._loads = {
            model: since_s for model, since_s in self._loads.items() if model not in loaded and not has_failed(model)
        }

    def waiting_s(self, model: str) -> float | None:
        """For how long an order to load the model has waited; None without one."""
        since_s = self._loads.get(model)
        return None if since_s is None else time.monotonic() - since_s
