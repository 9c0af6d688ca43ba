"""The device and the number of threads of each worker.

Workers are spread round-robin over the GPUs, starting with those with the most free memory. Without a GPU they share
the CPU cores equally. A machine without NVIDIA's driver has no GPU here; that is not an error. An engine that is
compiled for Vulkan finds other GPUs by itself, and then tells what it runs on.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

log = logging.getLogger("nexa.devices")

_CPU_QUOTA_FILE = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU as the driver reports it. ``index`` is NVML's (PCI bus order).

    ``busy_ratio`` is the GPU's recent utilisation from 0 to 1, None if the driver does not report it.
    """

    index: int
    uuid: str
    name: str
    total_bytes: int
    free_bytes: int
    busy_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class DeviceAssignment:
    """Where one worker runs. ``gpus`` are NVML indices, none for the CPU. ``env`` is added to its environment."""

    gpus: tuple[int, ...]
    threads: int
    env: dict[str, str] = field(default_factory=dict)

    @property
    def devices(self) -> tuple[str, ...]:
        """The names of the GPUs, as in ``cuda:0``."""
        return tuple(f"cuda:{gpu}" for gpu in self.gpus)

    @property
    def device(self) -> str:
        """The device's name in ``GET /v1/workers`` and logs, as in ``cuda:0``, ``cuda:0,cuda:2`` or ``cpu``."""
        return ",".join(self.devices) or "cpu"


@dataclass(frozen=True, slots=True)
class WorkerNeeds:
    """What one worker asks for: threads (0: an equal share of the cores), and so many GPUs if the machine has any."""

    threads: int = 0
    gpus: int = 1


class DeviceMissing(Exception):
    """A device on which a worker is to run is not there; the message is one line."""


class GpuSource(Protocol):
    """Lists the machine's GPUs."""

    def gpus(self) -> list[Gpu]:
        """All GPUs with their current memory."""


class Nvml:
    """The GPUs that NVIDIA's management library reports; none if the library or the driver is missing."""

    def gpus(self) -> list[Gpu]:
        """All GPUs with their current memory."""
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
            log.warning("GPUs not usable", extra={"reason": str(error)})
            return []
        finally:
            pynvml.nvmlShutdown()


def assign(
    workers: Sequence[WorkerNeeds], source: GpuSource | None = None, cores: int | None = None
) -> list[DeviceAssignment]:
    """Assign a device and threads to each worker of the server.

    Args:
        workers: the needs of each worker, of all models.
        source: lists the GPUs; NVML by default.
        cores: the number of cores to share; by default those that this process may use.

    A worker that asks for more GPUs than there are gets all; its engine refuses to load then, and no other suffers.
    """
    share = max(1, (usable_cores() if cores is None else cores) // max(1, len(workers)))
    gpus = visible_gpus(source or Nvml()) if any(worker.gpus for worker in workers) else []
    turns = itertools.cycle(sorted(gpus, key=lambda gpu: (-gpu.free_bytes, gpu.index)))
    return [
        _assignment(worker.threads or share, list(itertools.islice(turns, min(worker.gpus, len(gpus)))), worker.gpus)
        for worker in workers
    ]


def _assignment(threads: int, gpus: list[Gpu], wanted: int) -> DeviceAssignment:
    if not wanted:
        return DeviceAssignment((), threads, {"CUDA_VISIBLE_DEVICES": "", "GGML_VK_VISIBLE_DEVICES": ""})
    # Without any, engines that use Vulkan find its GPUs themselves.
    # The UUID names the same GPU to CUDA and NVML, whose default orders differ.
    visible = ",".join(gpu.uuid for gpu in gpus)
    return DeviceAssignment(tuple(gpu.index for gpu in gpus), threads, {"CUDA_VISIBLE_DEVICES": visible})


def assignment_on(
    devices: Iterable[str], threads: int, source: GpuSource | None = None, finds_gpus: bool = False
) -> DeviceAssignment:
    """The devices with these names (``cpu``, ``cuda:0``, …) for one worker, with so many threads.

    Args:
        devices: the names.
        threads: the threads of the worker.
        source: lists the GPUs; NVML by default.
        finds_gpus: without any GPU here, the worker's engine may look for others by itself.

    Raises:
        DeviceMissing: a GPU among them is not there, or the driver does not answer.
    """
    wanted = [device for device in devices if device.startswith("cuda:")]
    visible = visible_gpus(source or Nvml()) if wanted or finds_gpus else []
    by_name = {f"cuda:{gpu.index}": gpu for gpu in visible}
    missing = ", ".join(device for device in wanted if device not in by_name)
    if missing:
        raise DeviceMissing(f"{missing} is not there any more, or its driver does not answer")
    gpus = [by_name[device] for device in wanted]  # in their order, in which a model's parts were planned
    return _assignment(threads, gpus, len(gpus) or int(finds_gpus and not visible))


def visible_gpus(source: GpuSource) -> list[Gpu]:
    """The GPUs that ``CUDA_VISIBLE_DEVICES`` (indices or prefixes of UUIDs) makes visible to this process."""
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
    """The number of cores that this process may use, by its CPU affinity and its container's quota."""
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
    """Utilisation from 0 to 1. Some devices, such as MIG slices, do not report it."""
    try:
        return int(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu) / 100
    except pynvml.NVMLError:
        return None
