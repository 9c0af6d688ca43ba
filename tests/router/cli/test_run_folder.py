from __future__ import annotations

import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.cli.run_folder import make_run_folder
from shared.interpreter import child_environment


@pytest.fixture(autouse=True)
def base(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as path:
        monkeypatch.setenv("XDG_RUNTIME_DIR", path)
        yield Path(path)


def make_elsewhere(then: str) -> subprocess.Popen[str]:
    """Start another process that makes a run folder, prints its path and then runs ``then``."""
    code = f"import os; from router.cli.run_folder import make_run_folder; print(make_run_folder(), flush=True); {then}"
    return subprocess.Popen([sys.executable, "-c", code], env=child_environment(), stdout=subprocess.PIPE, text=True)


def test_only_this_user_can_enter_a_run_folder(base: Path) -> None:
    folder = make_run_folder()
    assert folder.parent == base
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_folder_of_a_killed_server_is_removed_by_the_next_one(base: Path) -> None:
    abandoned, _ = make_elsewhere("").communicate(timeout=30)
    assert Path(abandoned.strip()).exists()
    folder = make_run_folder()
    assert list(base.iterdir()) == [folder]


def test_the_folder_of_a_running_server_is_kept_even_after_an_exec(base: Path) -> None:
    other = make_elsewhere("os.execv('/bin/sh', ['sh', '-c', 'echo there; exec sleep 60'])")
    assert other.stdout is not None
    try:
        folder = Path(other.stdout.readline().strip())
        assert other.stdout.readline() == "there\n"
        make_run_folder()
        assert folder.exists()
    finally:
        other.kill()
        other.communicate()


def test_a_base_folder_too_long_for_sockets_is_skipped(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = base / ("x" * 120)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    monkeypatch.setattr(tempfile, "tempdir", str(base))
    assert make_run_folder().parent == base
    assert list(deep.iterdir()) == []
