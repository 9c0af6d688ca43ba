"""Which device and how many threads each worker gets.

With GPUs, workers go round-robin over them, the one with the most free memory first. Without, they share the CPU's
cores equally. A machine without NVIDIA's driver is a machine without GPU, not an error.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

log = logging.getLogger("nexa.devices")

_CPU_QUOTA_FILE = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU as the driver describes it. ``index`` is NVML's (PCI bus order).

    ``busy_ratio`` is the share of the last moments in which it worked, None where the driver does not tell.
    """

    index: int
    uuid: str
    name: str
    total_bytes: int
    free_bytes: int
    busy_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class DeviceAssignment:
    """Where one worker runs: ``gpu`` is an NVML index or None for the CPU; ``env`` is added to its environment."""

    gpu: int | None
    threads: int
    env: dict[str, str] = field(default_factory=dict)

    @property
    def device(self) -> str:
        """The device's name in states and logs."""
        return "cpu" if self.gpu is None else f"cuda:{self.gpu}"


@dataclass(frozen=True, slots=True)
class WorkerNeeds:
    """What one worker asks for: threads (0: an equal share of the cores), and a GPU if the machine has one."""

    threads: int = 0
    use_gpu: bool = True


class GpuSource(Protocol):
    """Whoever knows the machine's GPUs."""

    def gpus(self) -> list[Gpu]:
        """All GPUs with their memory at this moment."""


class Nvml:
    """The GPUs that NVIDIA's management library reports; none where library or driver are missing."""

    def gpus(self) -> list[Gpu]:
        """All GPUs with their memory at this moment."""
        try:
            import pynvml
        except ImportError:
            return []
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            log.debug("no GPU", extra={"reason": str(error)})
            return []
        try:
            return [_describe(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())]
        except pynvml.NVMLError as error:
            log.warning("GPUs cannot be used", extra={"reason": str(error)})
            return []
        finally:
            pynvml.nvmlShutdown()


def assign(
    workers: Sequence[WorkerNeeds], source: GpuSource | None = None, cores: int | None = None
) -> list[DeviceAssignment]:
    """Give each worker (those of all models together) a device and threads.

    Args:
        workers: what each needs.
        source: knows the GPUs; NVML by default.
        cores: the cores to share; those that this process may use by default.
    """
    share = max(1, (usable_cores() if cores is None else cores) // max(1, len(workers)))
    gpus = visible_gpus(source or Nvml()) if any(worker.use_gpu for worker in workers) else []
    turns = itertools.cycle(sorted(gpus, key=lambda gpu: (-gpu.free_bytes, gpu.index)))
    return [_assignment(worker.threads or share, next(turns, None) if worker.use_gpu else None) for worker in workers]


def _assignment(threads: int, gpu: Gpu | None) -> DeviceAssignment:
    if gpu is None:
        return DeviceAssignment(None, threads, {"CUDA_VISIBLE_DEVICES": ""})
    # The UUID names the same GPU to CUDA and NVML, whose default orders differ.
    return DeviceAssignment(gpu.index, threads, {"CUDA_VISIBLE_DEVICES": gpu.uuid})


def visible_gpus(source: GpuSource) -> list[Gpu]:
    """The GPUs that ``CUDA_VISIBLE_DEVICES`` leaves to this process: indices, or beginnings of UUIDs."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return source.gpus()
    wanted = [entry.strip() for entry in chosen.split(",") if entry.strip()]
    if not wanted:
        return []
    return [
        gpu
        for gpu in source.gpus()
        if any(gpu.uuid.startswith(entry) if entry.startswith("GPU-") else entry == str(gpu.index) for entry in wanted)
    ]


def usable_cores() -> int:
    """The cores that this process may use: its CPU affinity, and a container's quota where there is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return max(1, min(cores, _quota_cores(_CPU_QUOTA_FILE) or cores))


def _quota_cores(path: Path) -> int | None:
    """Whole cores of a cgroup v2 ``cpu.max`` file (``quota period`` in microseconds, or ``max period``)."""
    try:
        quota, period = path.read_text().split()
        return None if quota == "max" else max(1, int(quota) // int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _describe(pynvml: Any, index: int) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return Gpu(
        index=index,
        uuid=str(pynvml.nvmlDeviceGetUUID(handle)),
        name=str(pynvml.nvmlDeviceGetName(handle)),
        total_bytes=int(memory.total),
        free_bytes=int(memory.free),
        busy_ratio=_busy_ratio(pynvml, handle),
    )


def _busy_ratio(pynvml: Any, handle: Any) -> float | None:
    """Some devices do not tell, slices of a GPU (MIG) for example."""
    try:
        return int(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu) / 100
    except pynvml.NVMLError:
        return None
