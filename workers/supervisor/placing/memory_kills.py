"""How many processes the kernel has killed for lack of memory: the evidence whether it has killed a worker.

Source: ``memory.events`` in https://docs.kernel.org/admin-guide/cgroup-v2.html, and ``oom_kill`` in /proc/vmstat, which
counts those of all cgroups. Both rise before the signal is sent.
"""

from __future__ import annotations

from pathlib import Path

from workers.main_memory import CGROUPS, OWN_CGROUP, own_cgroups

VMSTAT = Path("/proc/vmstat")


def memory_kills(cgroups: Path = CGROUPS, own: Path = OWN_CGROUP, vmstat: Path = VMSTAT) -> int | None:
    """The count of this process's cgroup, else that of the machine; None where neither can be read."""
    files = (*(folder / "memory.events" for folder in own_cgroups(cgroups, own)), vmstat)
    return next((count for count in map(_count_in, files) if count is not None), None)


class KillsSinceThen:
    """Remembers the count as it was when this was made, before the start of a process."""

    def __init__(self) -> None:
        self._before = memory_kills()

    def count(self) -> int | None:
        """How far the count has risen since then; None where it cannot be read."""
        now = memory_kills()
        return None if now is None or self._before is None else now - self._before


def _count_in(file: Path) -> int | None:
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return None
    counts = [count for name, _, count in (line.partition(" ") for line in lines) if name == "oom_kill"]
    return int(counts[0]) if counts and counts[0].isdecimal() else None
