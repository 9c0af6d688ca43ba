"""A stand-in for NVIDIA's management library, with GPUs that a test has made up.

It takes the library's place where its folder is on ``PYTHONPATH``. ``NEXA_TEST_GPUS`` names a file of JSON, read again
at each call: ``gpus`` are the GPUs with ``total_bytes`` and ``free_bytes``, and ``held_bytes`` what a worker of a model
holds of each GPU that it may see, by the model's name.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GPUS_VARIABLE = "NEXA_TEST_GPUS"


class NVMLError(Exception):
    """What the library raises."""


@dataclass(frozen=True, slots=True)
class GpuMemory:
    total: int
    free: int


@dataclass(frozen=True, slots=True)
class GpuProcess:
    pid: int
    usedGpuMemory: int  # the library's name


def nvmlInit() -> None:
    if not os.environ.get(GPUS_VARIABLE):
        raise NVMLError("no GPU was made up")


def nvmlShutdown() -> None:
    return


def nvmlDeviceGetCount() -> int:
    return len(_state()["gpus"])


def nvmlDeviceGetHandleByIndex(index: int) -> int:
    return index


def nvmlDeviceGetMemoryInfo(handle: int) -> GpuMemory:
    gpu = _state()["gpus"][handle]
    return GpuMemory(gpu["total_bytes"], gpu["free_bytes"])


def nvmlDeviceGetUUID(handle: int) -> str:
    return f"GPU-made-up-{handle}"


def nvmlDeviceGetName(handle: int) -> str:
    return f"made-up GPU {handle}"


def nvmlDeviceGetUtilizationRates(handle: int) -> Any:
    raise NVMLError(f"not known of {handle}")


def nvmlDeviceGetComputeRunningProcesses(handle: int) -> list[GpuProcess]:
    if "--model" not in sys.argv or nvmlDeviceGetUUID(handle) not in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(
        ","
    ):
        return []
    model = sys.argv[sys.argv.index("--model") + 1]
    return [GpuProcess(os.getpid(), _state()["held_bytes"].get(model, 0))]


def _state() -> dict[str, Any]:
    state: dict[str, Any] = json.loads(Path(os.environ[GPUS_VARIABLE]).read_text())
    return state
