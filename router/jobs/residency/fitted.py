"""What models need: estimated from the headers of their files, or as measured when they were loaded before."""

from __future__ import annotations

from collections.abc import Mapping

from router.jobs.residency.needs import ModelNeeds
from router.jobs.residency.plan import Memory
from shared.hub.sizes import rounded_bytes
from shared.memory.fitting import DeviceMemory, DoesNotFit, FittedModel, fit, holds
from shared.memory.measured import MeasuredMemory
from shared.settings import ModelSettings

READ_BYTES_PER_S = 500_000_000
"""How fast a model is read that was never loaded yet."""
LEAST_LOAD_S = 2.0
MOST_FITTINGS = 3
"""How often a model that has taken more than its estimate is fitted to less."""


class FittedNeeds:
    """The places that :func:`shared.memory.fitting.fit` finds, with what :class:`MeasuredMemory` knows of each."""

    def __init__(self, measured: MeasuredMemory) -> None:
        self._measured = measured
        self._places: dict[str, list[tuple[Memory, FittedModel]]] = {}

    def of(self, model: ModelSettings, budgets: Mapping[str, int]) -> ModelNeeds:
        """What a worker of this model needs on devices with these budgets."""
        found: list[tuple[Memory, FittedModel]] = []
        room = dict(budgets)
        for _ in range(MOST_FITTINGS):
            try:
                places = fit(model, {name: DeviceMemory(name, size, size) for name, size in room.items()})
            except DoesNotFit as error:
                if not found:
                    return ModelNeeds((), 0.0, str(error))
                break
            found = [(self._planned(place, budgets), place) for place in places]
            if any(holds(budgets, memory) for memory, _ in found):
                break
            memory, place = found[-1]  # it has taken more than its estimate: the next one has to be so much smaller
            room = {name: round(size * min(1.0, _share(place, memory, name))) for name, size in budgets.items()}
        return self._needs(model, budgets, found)

    def _needs(self, model: ModelSettings, budgets: Memory, found: list[tuple[Memory, FittedModel]]) -> ModelNeeds:
        self._places[model.name] = [*self._places.get(model.name, [])[-len(found) :], *found]
        fitting = [(memory, place) for memory, place in found if holds(budgets, memory)]
        memory, place = (fitting or found)[0]
        if not fitting:
            devices = [name for name, size in memory.items() if size > budgets.get(name, 0)]
            figures = [
                f"{rounded_bytes(memory[name])} of {name} of which it may have {rounded_bytes(budgets.get(name, 0))}"
                for name in devices
            ]
            took = f"{model.name}: took {' and '.join(figures)} when it was loaded before"
            return ModelNeeds((), 0.0, f"{took}; a larger --memory-budget or a smaller model would help")
        load_s = self._measured.load_s(place) or max(LEAST_LOAD_S, sum(memory.values()) / READ_BYTES_PER_S)
        return ModelNeeds(tuple((memory, place.model) for memory, place in fitting), load_s)

    def _planned(self, place: FittedModel, budgets: Memory) -> Memory:
        """What is planned for a place: as measured, with a margin if there is room for one."""
        took = self._measured.took(place)
        best = self._measured.best(place)
        return {name: min(size, max(budgets.get(name, 0), took.get(name, 0))) for name, size in best.items()}

    def learn(self, model: ModelSettings, planned: Memory, measured: Memory, load_s: float) -> None:
        """Note what a worker of this model was planned to take, what it takes, and how long it took to load."""
        place = self._place(model, planned)
        if place is None and model.load == "start":  # the supervisor has fitted it
            place = FittedModel(planned, model)
        if place is not None:
            self._measured.learn(place, measured, load_s)

    def too_little(self, model: ModelSettings) -> None:
        """Note that a worker of this model found less memory than it needed."""
        for _, place in self._places.get(model.name, [])[-1:]:
            self._measured.too_small(place)

    def _place(self, model: ModelSettings, planned: Memory) -> FittedModel | None:
        return next((place for memory, place in self._places.get(model.name, []) if memory == planned), None)


def _share(place: FittedModel, memory: Memory, name: str) -> float:
    """The estimate of a place as a part of what is planned for it."""
    return place.memory.get(name, 0) / memory[name] if memory.get(name) else 1.0
