"""Files of prefixes that are damaged or hostile, folders that change, and processes that share one."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.caches.prefix_files import ROOM, files_in, prefix, read_back, store_in
from workers.text.cache.disk.folder import SUFFIX, PrefixFolder
from workers.text.cache.disk.prefix_file import MAGIC
from workers.text.cache.disk.secret import DiskUnusable, PrefixSecret


def damaged(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "state":
        data[-1] ^= 1
    elif how == "tokens":
        data[120] ^= 1
    elif how == "size":
        data[len(MAGIC) : len(MAGIC) + 4] = (2**31).to_bytes(4, "little")
    elif how == "cut":
        del data[-9:]
    elif how == "empty":
        data.clear()
    else:
        data[: len(MAGIC)] = b"SOMETHIN"
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["state", "tokens", "size", "cut", "empty", "magic"])
def test_damaged_files_are_removed_and_told(tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture) -> None:
    saved = prefix(1)
    store_in(tmp_path / "disk").write(saved)
    damaged(files_in(tmp_path)[0], how)
    with caplog.at_level(logging.WARNING, "nexa.text"):
        assert read_back(store_in(tmp_path / "disk"), saved) is None
    assert files_in(tmp_path) == []
    assert len([record for record in caplog.records if "is removed" in record.getMessage()]) == 1


def test_files_of_another_installation_are_refused(tmp_path: Path) -> None:
    saved = prefix(1)
    store_in(tmp_path / "disk", secret=PrefixSecret(b"x" * 32)).write(saved)
    assert read_back(store_in(tmp_path / "disk"), saved) is None
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("how", ["symbolic", "hard", "readable", "fifo"])
def test_links_and_files_that_others_may_read_are_refused(tmp_path: Path, how: str) -> None:
    saved = prefix(1)
    store_in(tmp_path / "disk").write(saved)
    (path,) = files_in(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    if how == "readable":
        path.chmod(0o644)
    else:
        path.rename(elsewhere)
    if how == "symbolic":
        path.symlink_to(elsewhere)
    elif how == "hard":
        path.hardlink_to(elsewhere)
    elif how == "fifo":
        os.mkfifo(path, 0o600)
    assert read_back(store_in(tmp_path / "disk"), saved) is None
    assert files_in(tmp_path) == []
    assert how == "readable" or elsewhere.exists()


def test_a_folder_that_others_may_write_in_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "disk"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(DiskUnusable, match="disk"):
        PrefixFolder(shared, ROOM)


def test_folders_in_place_of_files_cost_no_descriptors(tmp_path: Path) -> None:
    store = store_in(tmp_path / "disk")
    store.write(prefix(1))
    (files_in(tmp_path)[0].parent / f"{'b' * 32}{SUFFIX}").mkdir(mode=0o700)
    before = len(os.listdir("/proc/self/fd"))
    read_back(store_in(tmp_path / "disk"), prefix(1))
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_stays_while_this_process_has_too_many_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_in(tmp_path / "disk")
    store.write(prefix(1))

    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        assert read_back(store, prefix(1)) is None
    assert read_back(store, prefix(1)) is not None


def test_files_stay_known_while_the_folder_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_in(tmp_path / "disk")
    store.write(prefix(1))

    def refuse(*_: object) -> list[str]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", refuse)
        assert not store.refresh()
        assert not store.refresh()
    assert caplog.messages == ["--cache-disk: the folder cannot be read: Too many open files"]
    assert store.refresh()
    assert read_back(store, prefix(1)) is not None


def test_a_folder_that_is_removed_meanwhile_is_made_anew(tmp_path: Path) -> None:
    store = store_in(tmp_path / "disk")
    store.write(prefix(1))
    shutil.rmtree(tmp_path / "disk")
    assert read_back(store, prefix(1)) is None
    assert store.write(prefix(1))
    assert read_back(store, prefix(1)) is not None


def test_nothing_is_written_to_a_folder_that_is_opened_to_others_meanwhile(tmp_path: Path) -> None:
    store = store_in(tmp_path / "disk")
    (tmp_path / "disk").chmod(0o777)
    assert not store.write(prefix(1))
    assert files_in(tmp_path) == []


def test_the_parts_of_dead_writers_are_removed_and_strange_files_stay(tmp_path: Path) -> None:
    store = store_in(tmp_path / "disk")
    store.write(prefix(1))
    key_folder = files_in(tmp_path)[0].parent
    (key_folder / f"{'a' * 32}.part").write_bytes(b"half")
    (key_folder / "notes.txt").write_text("mine")
    assert store.write(prefix(5000))
    assert not (key_folder / f"{'a' * 32}.part").exists()
    assert (key_folder / "notes.txt").read_text() == "mine"


WRITER = """
import sys
from pathlib import Path
from tests.workers.text.cache.disk.test_store import prefix, store_in
store = store_in(Path(sys.argv[1]), 40 * 6200)
for number in range(60):
    store.write(prefix(10_000 * int(sys.argv[2]) + 1000 * (number % 9) + number))
"""


def test_processes_that_write_at_once_keep_the_bound_and_whole_files(tmp_path: Path) -> None:
    path, limit = tmp_path / "disk", 40 * 6200
    PrefixFolder(path, limit)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(number)]) for number in range(3)]
    most = 0
    reader = store_in(path, limit)
    while any(writer.poll() is None for writer in writers):
        reader.refresh()
        folder = PrefixFolder(path, limit)
        with folder.locked():
            most = max(most, folder.usage().used_bytes)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert 0 < most <= limit
    later = store_in(path, limit)
    names = {file.stem for file in files_in(path)}
    later.refresh()
    assert {file.stem for file in files_in(path)} == names  # none was refused
    assert len(names) > 10
