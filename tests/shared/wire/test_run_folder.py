from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.interpreter import child_environment
from shared.wire.run_folder import NoRunFolder, make_run_folder, restore_run_folder


@pytest.fixture(autouse=True)
def base(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as path:
        monkeypatch.setenv("XDG_RUNTIME_DIR", path)
        yield Path(path)


def make_elsewhere(then: str) -> subprocess.Popen[str]:
    """Start another process that makes a run folder, prints its path and then runs ``then``."""
    code = (
        f"import os; from shared.wire.run_folder import make_run_folder; print(make_run_folder(), flush=True); {then}"
    )
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


def test_a_runtime_folder_that_only_root_can_make_again_is_taken_last(
    base: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    writable = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != base.parent and writable(path, mode))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    folder = make_run_folder()
    assert (folder.parent, list(base.iterdir())) == (Path("/tmp"), [])
    shutil.rmtree(folder)


def test_a_run_folder_is_locked_against_cleaners_of_temporary_files(base: Path) -> None:
    descriptor = os.open(make_run_folder(), os.O_DIRECTORY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    os.close(descriptor)


@pytest.mark.parametrize("lost", ["the lock", "the folder", "its base"])
def test_a_lost_run_folder_is_made_again_private_and_locked(base: Path, lost: str) -> None:
    folder = make_run_folder()
    assert not restore_run_folder(folder)
    if lost == "the lock":
        (folder / "lock").unlink()
        fresh = folder.rename(base / "was")  # a cleaner would not have unlocked the folder
        folder.mkdir(0o700)
        shutil.rmtree(fresh)
    else:
        shutil.rmtree(folder if lost == "the folder" else base)
    assert restore_run_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    make_run_folder()
    assert folder.exists(), "it is locked, so that no other server removes it"
    assert not restore_run_folder(folder)


def test_a_run_folder_whose_name_others_have_taken_is_not_used(base: Path) -> None:
    folder = make_run_folder()
    shutil.rmtree(folder)
    folder.mkdir(0o777)
    folder.chmod(0o777)
    with pytest.raises(NoRunFolder, match="expected a folder of this user alone"):
        restore_run_folder(folder)
