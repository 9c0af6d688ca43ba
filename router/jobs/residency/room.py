"""The memory of the devices while a policy decides: what is free now, and what will be free later."""

from __future__ import annotations

from collections.abc import Iterable

from router.jobs.residency.plan import Device, Memory, ModelView, PlaceView, Stage

CPU = "cpu"


class Room:
    """What is left of each device's budget.

    ``free`` is what no place takes, ``later`` what is left when all that leaves has left and all that was promised is
    taken. Both may be below zero: a model may take more than was planned for it.
    """

    def __init__(self, devices: Iterable[Device], places: Iterable[PlaceView]) -> None:
        self.budget = {device.name: device.budget_bytes for device in devices}
        self.free = dict(self.budget)
        self.later = dict(self.budget)
        for place in places:
            _add(self.free, place.memory, -1)
            if place.stage is not Stage.LEAVING:
                _add(self.later, place.memory, -1)

    def can_hold(self, memory: Memory) -> bool:
        """Whether the devices could hold this with nothing else in them."""
        return all(size <= self.budget.get(device, 0) for device, size in memory.items())

    def fits_now(self, memory: Memory) -> bool:
        """Whether this fits beside all that is there and all that was promised."""
        return all(
            size <= min(self.free.get(device, 0), self.later.get(device, 0))
            for device, size in memory.items()
            if size > 0
        )

    def lacks(self, memory: Memory, leaving: Iterable[PlaceView] = ()) -> dict[str, int]:
        """The bytes by device that are missing for this even later, if these places leave as well."""
        later = dict(self.later)
        for place in leaving:
            _add(later, place.memory, 1)
        return {
            device: size - later.get(device, 0)
            for device, size in memory.items()
            if size > 0 and size > later.get(device, 0)
        }

    def take(self, memory: Memory) -> None:
        """A load begins: from now on it counts."""
        _add(self.free, memory, -1)
        _add(self.later, memory, -1)

    def promise(self, memory: Memory, victims: Iterable[PlaceView] = ()) -> None:
        """Keep what this needs for later, when these victims have left."""
        for victim in victims:
            _add(self.later, victim.memory, 1)
        _add(self.later, memory, -1)


def keep_for_restarts(room: Room, models: Iterable[ModelView], places: Iterable[PlaceView]) -> None:
    """Take the memory of workers that their models always have and that are away: the supervisor starts them again."""
    here = [place.model for place in places if place.fixed]
    for model in models:
        choices = [choice for choice in model.choices if room.can_hold(choice)]
        for _ in range(model.floor - here.count(model.name)):
            if choices:
                room.take(next((choice for choice in choices if room.fits_now(choice)), choices[0]))


def computing_devices(memory: Memory) -> frozenset[str]:
    """The devices that compute what a worker with this memory has to: its GPUs, or the processor."""
    gpus = frozenset(device for device, size in memory.items() if device != CPU and size > 0)
    return gpus or frozenset({CPU})


def _add(sizes: dict[str, int], memory: Memory, sign: int) -> None:
    for device, size in memory.items():
        sizes[device] = sizes.get(device, 0) + sign * size
