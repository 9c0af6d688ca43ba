from __future__ import annotations

from pathlib import Path

import pytest

from workers.supervisor.placing.memory_kills import memory_kills

VMSTAT = "pgfault 12\noom_kill 7\noom_kill_x 9\n"


def counted(folder: Path, events: dict[str, str], vmstat: str = VMSTAT) -> int | None:
    """The count of a process in the group ``a/b``, with files of some groups."""
    own, machine = folder / "own", folder / "vmstat"
    own.write_text("0::/a/b\n")
    machine.write_text(vmstat)
    for group, text in events.items():
        (folder / group).mkdir(parents=True, exist_ok=True)
        (folder / group / "memory.events").write_text(text)
    return memory_kills(folder, own, machine)


def test_the_count_of_its_own_group_comes_before_others(tmp_path: Path) -> None:
    groups = {"a/b": "low 0\noom 3\noom_kill 2\noom_group_kill 0\n", "a": "oom_kill 5\n"}
    assert counted(tmp_path, groups) == 2


def test_a_group_without_a_count_leaves_it_to_the_one_above_and_to_the_machine(tmp_path: Path) -> None:
    assert counted(tmp_path, {}) == 7
    assert counted(tmp_path, {"a/b": "low 0\n"}) == 7
    assert counted(tmp_path, {"a": "oom_kill 5\n"}) == 5


@pytest.mark.parametrize("vmstat", ["", "pgfault 1\n", "oom_kill\n", "oom_kill x\n", "oom_kill -1\n", "\0\n"])
def test_without_a_count_there_is_none(tmp_path: Path, vmstat: str) -> None:
    assert counted(tmp_path, {}, vmstat) is None
    assert memory_kills(tmp_path / "none", tmp_path / "none", tmp_path / "none") is None


def test_this_machine_counts_without_an_error() -> None:
    assert (memory_kills() or 0) >= 0
