"""What has become of models since this run of the router: loads, unloads and failures, as operators see them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set

from router.jobs.residency.plan import UnloadCause


class ResidencyRecord:
    """Counts orders to load and to unload by model, and keeps why a model was last unloaded.

    ``loads`` are orders to load, ``unloads`` those to unload with their causes.
    """

    def __init__(self) -> None:
        self.loads: Counter[str] = Counter()
        self.unloads: Counter[tuple[str, UnloadCause]] = Counter()
        self.last_unload: dict[str, UnloadCause] = {}

    def load(self, model: str) -> None:
        """Note an order to load."""
        self.loads[model] += 1

    def unload(self, model: str, cause: UnloadCause) -> None:
        """Note an order to unload."""
        self.unloads[model, cause] += 1
        self.last_unload[model] = cause

    def keep_only(self, models: Set[str]) -> None:
        """Forget all others."""
        self.loads = Counter({model: count for model, count in self.loads.items() if model in models})
        self.unloads = Counter({key: count for key, count in self.unloads.items() if key[0] in models})
        self.last_unload = {model: cause for model, cause in self.last_unload.items() if model in models}
