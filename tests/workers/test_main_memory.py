"""Main memory that is free for a process: the machine's, within the limits of containers."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from workers.main_memory import main_memory


def cgroup(folder: Path, limit: str, used: int, cached: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\n")


def test_a_container_limits_it(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text("0::/\n")
    cgroup(tmp_path, "1000000", 400_000, 100_000)
    assert main_memory(tmp_path, own) == (700_000, 1_000_000)


def test_the_tightest_limit_of_all_groups_counts(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text("0::/system.slice/nexa.service\n")
    cgroup(tmp_path / "system.slice", "500000", 450_000, 0)
    cgroup(tmp_path / "system.slice" / "nexa.service", "max", 100, 0)
    assert main_memory(tmp_path, own) == (50_000, 500_000)


@pytest.mark.parametrize("text", ["", "max", "x", "-5", "\0"])
def test_without_a_limit_it_is_the_machine(tmp_path: Path, text: str) -> None:
    (tmp_path / "memory.max").write_text(text)
    found = main_memory(tmp_path, tmp_path / "missing")
    assert found.total_bytes == psutil.virtual_memory().total
    assert 0 < found.free_bytes <= found.total_bytes
