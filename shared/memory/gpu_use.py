"""What a process takes of the memory of the GPUs, by NVIDIA's management library."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

log = logging.getLogger("nexa.memory")


class GpuUse:
    """The bytes that one process, by default this one, takes of all GPUs together.

    In a container, the library may know processes by other numbers; then, as without a GPU, they are 0: unknown.
    """

    def __init__(self, pid: int | None = None) -> None:
        self._pid = os.getpid() if pid is None else pid
        self._library = _open()

    def bytes(self) -> int:
        """What the process takes now; 0 if it is not known. It takes about a millisecond."""
        library = self._library
        if library is None:
            return 0
        try:
            return sum(self._on(library, index) for index in range(library.nvmlDeviceGetCount()))
        except library.NVMLError as error:
            log.debug("use of GPUs not known", extra={"reason": str(error)})
            return 0

    def close(self) -> None:
        """Let go of the library."""
        library, self._library = self._library, None
        if library is not None:
            library.nvmlShutdown()

    def _on(self, library: Any, index: int) -> int:
        handle = library.nvmlDeviceGetHandleByIndex(index)
        list_processes: Callable[[Any], Any] = library.nvmlDeviceGetComputeRunningProcesses
        return sum(int(found.usedGpuMemory or 0) for found in list_processes(handle) if found.pid == self._pid)


def _open() -> Any:
    """The library, ready to be asked; None without it or its driver."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml
