"""What models need: estimated from the headers of their files, or as measured when they were loaded before."""

from __future__ import annotations

from collections.abc import Mapping

from router.jobs.residency.needs import ModelNeeds
from router.jobs.residency.plan import Memory
from shared.memory.fitting import DeviceMemory, DoesNotFit, FittedModel, fit
from shared.memory.measured import MeasuredMemory
from shared.settings import ModelSettings

READ_BYTES_PER_S = 500_000_000
"""How fast a model is read that was never loaded yet."""
LEAST_LOAD_S = 2.0


class FittedNeeds:
    """The places that :func:`shared.memory.fitting.fit` finds, with what :class:`MeasuredMemory` knows of each."""

    def __init__(self, measured: MeasuredMemory) -> None:
        self._measured = measured
        self._places: dict[str, list[tuple[Memory, FittedModel]]] = {}

    def of(self, model: ModelSettings, budgets: Mapping[str, int]) -> ModelNeeds:
        """What a worker of this model needs on devices with these budgets."""
        try:
            places = fit(model, {name: DeviceMemory(name, size, size) for name, size in budgets.items()})
        except DoesNotFit as error:
            return ModelNeeds((), 0.0, str(error))
        found = [(self._measured.best(place), place) for place in places]
        self._places[model.name] = [*self._places.get(model.name, [])[-len(found) :], *found]
        fitting = [(memory, place) for memory, place in found if _holds(budgets, memory)] or found[-1:]
        memory, place = fitting[0]
        load_s = self._measured.load_s(place) or max(LEAST_LOAD_S, sum(memory.values()) / READ_BYTES_PER_S)
        return ModelNeeds(tuple((memory, place.model) for memory, place in fitting), load_s)

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


def _holds(budgets: Mapping[str, int], memory: Memory) -> bool:
    return all(size <= budgets.get(name, 0) for name, size in memory.items())
