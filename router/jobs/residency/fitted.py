"""What models need: estimated from the headers of their files, then as measured."""

from __future__ import annotations

from collections.abc import Mapping

from router.jobs.residency.needs import ModelNeeds
from router.jobs.residency.plan import Memory
from shared.memory.fitting import DeviceMemory, DoesNotFit, fit
from shared.settings import ModelSettings

READ_BYTES_PER_S = 500_000_000
"""How fast a model is read that was never loaded yet."""
LEAST_LOAD_S = 2.0
MARGIN_RATIO = 1.05
"""What is kept for a model that took more than was planned, of what it took."""
STARVED_RATIO = 1.25
"""How much more is kept for a model that found too little."""


class FittedNeeds:
    """Estimates by :func:`shared.memory.fitting.fit`, raised by what workers were seen to take beyond them."""

    def __init__(self) -> None:
        self._ratios: dict[str, float] = {}
        self._loads_s: dict[str, float] = {}

    def of(self, model: ModelSettings, budgets: Mapping[str, int]) -> ModelNeeds:
        ratio = self._ratios.get(model.name, 1.0)
        room = {name: DeviceMemory(name, round(size / ratio), size) for name, size in budgets.items()}
        try:
            fitted = fit(model, room)
        except DoesNotFit as error:
            return ModelNeeds((), 0.0, str(error))
        choices = tuple(
            ({name: round(size * ratio) for name, size in place.memory.items()}, place.model) for place in fitted
        )
        least = min(sum(memory.values()) for memory, _ in choices)
        load_s = self._loads_s.get(model.name, max(LEAST_LOAD_S, least / READ_BYTES_PER_S))
        return ModelNeeds(choices, load_s)

    def learn(self, model: ModelSettings, planned: Memory, measured: Memory, load_s: float) -> None:
        self._loads_s[model.name] = load_s
        excess = max((measured.get(name, 0) / size for name, size in planned.items() if size), default=1.0)
        if excess > 1:  # less means little: caches fill with use
            self._ratios[model.name] = self._ratios.get(model.name, 1.0) * excess * MARGIN_RATIO

    def too_little(self, model: ModelSettings) -> None:
        self._ratios[model.name] = self._ratios.get(model.name, 1.0) * STARVED_RATIO
