"""What a process takes of the GPUs, by a stand-in for NVIDIA's library, and without one."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from shared.memory.gpu_use import GpuUse


class FakeNvmlError(Exception):
    pass


def library(monkeypatch: pytest.MonkeyPatch, processes: dict[int, list[tuple[int, int | None]]]) -> ModuleType:
    """GPUs by their index, each with the processes on it: id and bytes."""
    fake = ModuleType("pynvml")
    found = {gpu: [SimpleNamespace(pid=p, usedGpuMemory=size) for p, size in on] for gpu, on in processes.items()}
    fake.__dict__.update(
        NVMLError=FakeNvmlError,
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: len(found),
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetComputeRunningProcesses=lambda handle: found[handle],
    )
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    return fake


def test_only_the_process_itself_counts_on_all_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    library(monkeypatch, {0: [(7, 100), (8, 50)], 1: [(7, 20)], 2: []})
    use = GpuUse(7)
    assert use.bytes() == 120
    assert GpuUse(9).bytes() == 0
    use.close()
    assert use.bytes() == 0


def test_what_the_driver_does_not_tell_is_0(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = library(monkeypatch, {0: [(7, None)]})
    assert GpuUse(7).bytes() == 0

    def fail(handle: object) -> None:
        raise FakeNvmlError("gone")

    fake.__dict__["nvmlDeviceGetComputeRunningProcesses"] = fail
    assert GpuUse(7).bytes() == 0


def test_without_the_library_it_is_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert GpuUse().bytes() == 0
