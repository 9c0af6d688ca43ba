"""The memory of each device that models may take together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.devices import GpuSource, Nvml, visible_gpus
from shared.settings.option import OptionError
from shared.settings.residency import split_budget
from shared.settings.units import MEGABYTE
from shared.wire.supervision import DeviceBudget
from workers.main_memory import main_memory

MARGIN_RATIO = 0.1
LEAST_MARGIN_BYTES = 512 * MEGABYTE
"""Of the memory that is free at the start, this much is left to others: this part, and at least so much."""


@dataclass(frozen=True, slots=True)
class DeviceRoom:
    """One device's memory in bytes. Where the budget ``is_given`` by an operator, nothing may go beyond it."""

    device: str
    budget_bytes: int
    free_bytes: int
    total_bytes: int
    is_given: bool = False

    @property
    def budget(self) -> DeviceBudget:
        """What the router is told."""
        return DeviceBudget(self.device, self.budget_bytes, self.total_bytes)


def device_rooms(given: Sequence[str], source: GpuSource | None = None) -> list[DeviceRoom]:
    """Main memory (``cpu``) and each visible GPU. The budget is as ``given``, else what is free, less a margin.

    Raises:
        OptionError: a budget for a device that is not there.
    """
    wanted = dict(map(split_budget, given))
    devices = [("cpu", *main_memory())]
    devices += [(f"cuda:{gpu.index}", gpu.free_bytes, gpu.total_bytes) for gpu in visible_gpus(source or Nvml())]
    names = [name for name, _, _ in devices]
    for name in wanted:
        if name and name not in names:
            expected = f"one of {', '.join(names)}" if len(names) > 1 else "cpu, as NVIDIA's driver shows no GPU here"
            raise OptionError(f"--memory-budget: expected {expected}, got {name}")
    return [_room(name, wanted.get(name, wanted.get("")), free, total) for name, free, total in devices]


def _room(device: str, given: int | None, free_bytes: int, total_bytes: int) -> DeviceRoom:
    if given is not None:
        return DeviceRoom(device, given, free_bytes, total_bytes, is_given=True)
    return DeviceRoom(device, without_margin(free_bytes), free_bytes, total_bytes)


def without_margin(free_bytes: int) -> int:
    """What models may take of memory that is free."""
    return max(0, free_bytes - max(LEAST_MARGIN_BYTES, round(free_bytes * MARGIN_RATIO)))
