"""What the machine's processors and memory are doing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil

from shared.devices import Gpu, GpuSource, visible_gpus


@dataclass(frozen=True, slots=True)
class MachineFigures:
    """CPU use from 0 to 1 since the last reading, the machine's memory, and the GPUs that this server may use."""

    cpu_ratio: float
    memory_used_bytes: int
    memory_total_bytes: int
    gpus: Sequence[Gpu] = field(default=())


class MachineReader:
    """Reads the figures. It blocks: a GPU's driver may be slow. A machine without a GPU is asked for one only once."""

    def __init__(self, gpus: GpuSource) -> None:
        self._source = gpus
        self._has_gpus = True
        psutil.cpu_percent()  # the first reading of a process means nothing

    def read(self) -> MachineFigures:
        """The figures now."""
        memory = psutil.virtual_memory()
        gpus = visible_gpus(self._source) if self._has_gpus else []
        self._has_gpus = bool(gpus)
        return MachineFigures(psutil.cpu_percent() / 100, memory.total - memory.available, memory.total, gpus)
