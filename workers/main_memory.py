"""Main memory that is free for this process: the machine's, or less if its container or unit has a limit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import psutil

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")


class MainMemory(NamedTuple):
    """In bytes: what can be taken now, and all that there is."""

    free_bytes: int
    total_bytes: int


def main_memory(cgroups: Path = CGROUPS, own: Path = OWN_CGROUP) -> MainMemory:
    """What this process and its children can have, by the system and by all limits of cgroups (version 2)."""
    machine = psutil.virtual_memory()
    found = [MainMemory(int(machine.available), int(machine.total)), *_limits(cgroups, own)]
    return MainMemory(min(each.free_bytes for each in found), min(each.total_bytes for each in found))


def own_cgroups(cgroups: Path = CGROUPS, own: Path = OWN_CGROUP) -> Iterator[Path]:
    """The folders of this process's cgroups, from its own up to the one that is seen as the root."""
    path = PurePosixPath("/")
    for line in _read(own).splitlines():
        if line.startswith("0::/") and ".." not in line:
            path = PurePosixPath(line.removeprefix("0::"))
    for group in (path, *path.parents):
        yield cgroups / group.relative_to("/")


def _limits(cgroups: Path, own: Path) -> Iterator[MainMemory]:
    """What each of them leaves."""
    for folder in own_cgroups(cgroups, own):
        limit = _number(folder / "memory.max")
        if limit is not None:
            used = (_number(folder / "memory.current") or 0) - _dropped_if_needed(folder)
            yield MainMemory(max(0, limit - max(0, used)), limit)


def _dropped_if_needed(folder: Path) -> int:
    """Cached files that nobody uses now, which count as used."""
    lines = (line.partition(" ") for line in _read(folder / "memory.stat").splitlines())
    return next((int(number) for name, _, number in lines if name == "inactive_file" and number.isdecimal()), 0)


def _number(file: Path) -> int | None:
    """The number in a file; None without one, also for ``max``."""
    text = _read(file).strip()
    return int(text) if text.isdecimal() else None


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
