"""The memory of each device that models may take together."""

from __future__ import annotations

from collections.abc import Sequence

from shared.devices import GpuSource, Nvml, visible_gpus
from shared.settings.residency import split_budget
from shared.settings.units import MEGABYTE
from shared.wire.supervision import DeviceBudget
from workers.supervisor.placing.main_memory import main_memory

MARGIN_RATIO = 0.1
LEAST_MARGIN_BYTES = 512 * MEGABYTE
"""Of the memory that is free at the start, this much is left to others: this part, and at least so much."""


def device_budgets(given: Sequence[str], source: GpuSource | None = None) -> list[DeviceBudget]:
    """The budget of main memory (``cpu``) and of each visible GPU: as ``given``, else what is free, less a margin."""
    wanted = dict(map(split_budget, given))
    devices = [("cpu", *main_memory())]
    devices += [(f"cuda:{gpu.index}", gpu.free_bytes, gpu.total_bytes) for gpu in visible_gpus(source or Nvml())]
    return [
        DeviceBudget(name, wanted.get(name, wanted.get("", without_margin(free_bytes))), total_bytes)
        for name, free_bytes, total_bytes in devices
    ]


def without_margin(free_bytes: int) -> int:
    """What models may take of memory that is free."""
    return max(0, free_bytes - max(LEAST_MARGIN_BYTES, round(free_bytes * MARGIN_RATIO)))
