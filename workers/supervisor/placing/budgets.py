"""The memory of each device that models may take together."""

from __future__ import annotations

from collections.abc import Sequence

import psutil

from shared.devices import GpuSource, Nvml, visible_gpus
from shared.settings.residency import split_budget
from shared.wire.supervision import DeviceBudget

MARGIN_RATIO = 0.1
"""Of the memory that is free at the start, this much is left to others."""


def device_budgets(given: Sequence[str], source: GpuSource | None = None) -> list[DeviceBudget]:
    """The budget of main memory (``cpu``) and of each visible GPU: as ``given``, else what is free, less a margin."""
    wanted = dict(map(split_budget, given))
    memory = psutil.virtual_memory()
    devices = [("cpu", int(memory.available), int(memory.total))]
    devices += [(f"cuda:{gpu.index}", gpu.free_bytes, gpu.total_bytes) for gpu in visible_gpus(source or Nvml())]
    return [
        DeviceBudget(name, wanted.get(name, wanted.get("", round(free * (1 - MARGIN_RATIO)))), total)
        for name, free, total in devices
    ]
