"""Limits that the kernel enforces on this process, also in native code."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

WALL_PER_CPU = 4.0
"""Seconds that may pass per second of CPU time, on a machine that is busy with other things."""

BACKGROUND_NICENESS = 10
"""Of tasks that take long: decoding goes first. Where it takes all cores, they get a tenth of one."""

BACKGROUND_WALL_PER_CPU = 12.0
"""The same for them: a little more than that tenth needs, so that they come to their limit of CPU time first."""

MIN_WALL_S = 10.0

_STATM = Path("/proc/self/statm")
_OOM_SCORE = Path("/proc/self/oom_score_adj")


def wall_s(cpu_s: float, in_background: bool = False) -> float:
    """Seconds that a task with a limit of CPU time may take."""
    return max(cpu_s * (BACKGROUND_WALL_PER_CPU if in_background else WALL_PER_CPU), MIN_WALL_S)


@contextmanager
def limited(cpu_s: float, memory_bytes: int, in_background: bool = False) -> Iterator[None]:
    """Within the block, end this process (SIGPROF, or SIGALRM if it waits) once it has used ``cpu_s`` of CPU time.

    Memory beyond ``memory_bytes`` more than now is refused: a ``MemoryError``, or SIGABRT in native code. Only Linux
    enforces that.
    """
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (_address_bytes() + memory_bytes, hard))
    signal.setitimer(signal.ITIMER_REAL, wall_s(cpu_s, in_background))
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if sys.platform == "linux":
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def end_first() -> None:
    """Let this process be the first that a kernel without memory ends, where it may ask for that."""
    if sys.platform == "linux":
        with suppress(OSError):  # /proc cannot be written, as in some containers
            _OOM_SCORE.write_text("1000")


def resident_bytes() -> int:
    """The memory that this process holds; 0 where the system does not tell."""
    return _pages(1)


def _address_bytes() -> int:
    return _pages(0)


def _pages(field: int) -> int:
    if sys.platform != "linux":
        return 0
    return int(_STATM.read_text().split()[field]) * os.sysconf("SC_PAGE_SIZE")
