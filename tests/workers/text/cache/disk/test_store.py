"""The files of prefixes: found by their beginnings, checked before use, bounded, and shared by processes."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from workers.text.cache.checkpoints import Checkpoint
from workers.text.cache.disk.folder import SUFFIX, PrefixFolder
from workers.text.cache.disk.prefix_file import MAGIC
from workers.text.cache.disk.secret import DiskUnusable, PrefixSecret
from workers.text.cache.disk.store import PrefixStore
from workers.text.cache.host_cache import SavedPrefix

SECRET = PrefixSecret(b"s" * 32)
KEY, OTHER_KEY = b"k" * 32, b"o" * 32
ROOM = 10**9
STATE_BYTES = 5_000

DiskUsage = namedtuple("DiskUsage", ["total", "used", "free"])


def store_in(path: Path, limit_bytes: int = ROOM, key: bytes = KEY, secret: PrefixSecret = SECRET) -> PrefixStore:
    store = PrefixStore(PrefixFolder(path, limit_bytes).of_key(key), secret)
    store.refresh()
    return store


def prefix(first: int, tokens: int = 200, owner: str = "anna", state_bytes: int = STATE_BYTES) -> SavedPrefix:
    state = np.random.default_rng(first).integers(0, 256, state_bytes, np.uint8)
    return SavedPrefix(list(range(first, first + tokens)), state, owner, tokens // 2, goes_on=bool(first % 2))


def read_back(store: PrefixStore, saved: SavedPrefix, owner: str | None = None) -> SavedPrefix | None:
    owner = saved.owner if owner is None else owner
    _, found = store.longest(saved.tokens, owner)
    read = None if found is None else store.read(found, owner)
    return None if read is None else read.saved


def files_in(path: Path) -> list[Path]:
    return sorted(path.rglob(f"*{SUFFIX}"))


def test_what_was_written_is_read_by_a_later_store(tmp_path: Path) -> None:
    saved = prefix(7)
    assert store_in(tmp_path / "disk").write(saved)
    again = read_back(store_in(tmp_path / "disk"), saved)
    assert again is not None
    assert (again.tokens, again.owner, again.prompt_length, again.goes_on) == (saved.tokens, "anna", 100, True)
    assert (again.state == saved.state).all()


def test_the_folder_and_its_files_are_private_and_tell_neither_owners_nor_tokens(tmp_path: Path) -> None:
    saved = SavedPrefix(list(range(100_000, 100_200)), np.zeros(10, np.uint8), "anna", 3, goes_on=False)
    store_in(tmp_path / "disk").write(saved)
    (path,) = files_in(tmp_path)
    modes = [stat.S_IMODE(place.stat().st_mode) for place in (tmp_path / "disk", path.parent, path)]
    assert modes == [0o700, 0o700, 0o600]
    assert b"anna" not in path.read_bytes()


def test_the_longest_common_beginning_is_found(tmp_path: Path) -> None:
    store = store_in(tmp_path / "disk")
    short, long = prefix(0, tokens=130), prefix(0, tokens=300)
    store.write(short)
    store.write(SavedPrefix([*long.tokens[:70], 9, *long.tokens[71:]], long.state, "anna", 10, goes_on=False))
    length, found = store.longest(long.tokens[:200], "anna")
    assert length == 130
    assert found is not None
    assert found.head.tokens == short.tokens
    assert store.longest([5, 6, 7], "anna") == (0, None)


@pytest.mark.parametrize(("key", "owner"), [(KEY, "bob"), (OTHER_KEY, "anna")], ids=["another-owner", "another-model"])
def test_others_find_nothing(tmp_path: Path, key: bytes, owner: str) -> None:
    saved = prefix(3)
    store_in(tmp_path / "disk").write(saved)
    assert read_back(store_in(tmp_path / "disk", key=key), saved, owner) is None
    assert len(files_in(tmp_path)) == 1


def test_checkpoints_are_written_with_a_prefix_and_prompts_begin_at_them(tmp_path: Path) -> None:
    saved = prefix(0, tokens=300)
    within = [Checkpoint(saved.tokens[:length], np.full(9, length, np.uint8), "anna") for length in (70, 200)]
    uncut = PrefixStore(PrefixFolder(tmp_path / "disk", ROOM).of_key(KEY), SECRET, can_cut=False)
    assert uncut.write(saved, within, token_s=0.002)
    later = PrefixStore(PrefixFolder(tmp_path / "disk", ROOM).of_key(KEY), SECRET, can_cut=False)
    later.refresh()
    assert later.token_s == 0.002
    assert [later.longest(saved.tokens[:length], "anna")[0] for length in (300, 299, 199, 65)] == [300, 200, 70, 0]
    _, found = later.longest(saved.tokens[:150], "anna")
    assert found is not None
    read = later.read(found, "anna")
    assert read is not None
    assert (read.saved.state == saved.state).all()
    assert [(part.tokens, part.owner, part.state.tolist()) for part in read.checkpoints] == [
        (part.tokens, "anna", part.state.tolist()) for part in within
    ]


def test_where_sequences_cannot_be_cut_a_shorter_common_beginning_may_give_more(tmp_path: Path) -> None:
    store = PrefixStore(PrefixFolder(tmp_path / "disk", ROOM).of_key(KEY), SECRET, can_cut=False)
    near, far = prefix(0, tokens=300), prefix(0, tokens=200)
    far.tokens[190:] = [7] * 10
    assert store.write(near)
    assert store.write(far, [Checkpoint(far.tokens[:180], np.zeros(9, np.uint8), "anna")])
    length, found = store.longest(near.tokens[:290], "anna")
    assert length == 180
    assert found is not None
    assert found.head.tokens == far.tokens


def test_a_longer_prefix_replaces_its_beginnings_of_the_same_owner(tmp_path: Path) -> None:
    store = store_in(tmp_path / "disk")
    for saved in (prefix(0, tokens=100), prefix(0, tokens=100, owner="bob"), prefix(0, tokens=300)):
        assert store.write(saved)
    assert len(files_in(tmp_path)) == 2
    assert store.holds(prefix(0, tokens=100).tokens, "anna")
    assert store.holds(prefix(0, tokens=100).tokens, "bob")


def test_the_least_recently_used_of_all_models_make_room(tmp_path: Path) -> None:
    limit = 3 * (STATE_BYTES + 1100)
    first, second = store_in(tmp_path / "disk", limit), store_in(tmp_path / "disk", limit, OTHER_KEY)
    saved = [prefix(1000 * number) for number in range(4)]
    for store, one in zip((first, second, first), saved, strict=False):
        assert store.write(one)
    for at, path in enumerate(sorted(files_in(tmp_path), key=lambda path: path.stat().st_mtime_ns)):
        os.utime(path, ns=(at, at))
    assert first.holds(saved[0].tokens, "anna")  # now it is the latest used
    assert first.write(saved[3])
    assert len(files_in(tmp_path)) == 3
    assert PrefixFolder(tmp_path / "disk", limit).usage().used_bytes <= limit
    assert read_back(store_in(tmp_path / "disk", limit), saved[0]) is not None
    assert read_back(store_in(tmp_path / "disk", limit), saved[3]) is not None


def test_what_is_larger_than_the_bound_is_not_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = store_in(tmp_path / "disk", limit_bytes=10_000)
    assert store.write(prefix(1))
    with caplog.at_level(logging.WARNING, "nexa.text"):
        assert not store.write(prefix(2, state_bytes=10_000))
    assert "does not fit" in caplog.text
    assert read_back(store, prefix(1)) is not None  # for nothing, no other was removed


def test_a_folder_named_like_a_file_is_left_alone_and_makes_no_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limit = STATE_BYTES + 1100
    store = store_in(tmp_path / "disk", limit)
    assert store.write(prefix(0))
    odd = files_in(tmp_path)[0].parent / f"{'c' * 32}{SUFFIX}"
    odd.mkdir()
    os.utime(odd, (1, 1))
    later = store_in(tmp_path / "disk", limit)
    assert later.write(prefix(1000))
    assert [path for path in files_in(tmp_path) if path.is_dir()] == [odd]
    assert len(files_in(tmp_path)) == 2
    assert caplog.messages == []


def test_a_nearly_full_disk_is_told_once_until_there_is_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_in(tmp_path / "disk")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: DiskUsage(10**12, 10**12 - 5, 5))
    with caplog.at_level(logging.WARNING, "nexa.text"):
        assert not store.write(prefix(1))
        assert not store.write(prefix(2))
    assert [record.getMessage() for record in caplog.records] == [
        "--cache-disk: prefixes are not written: the disk is nearly full"
    ]
    monkeypatch.undo()
    assert store.write(prefix(1))


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


def test_a_secret_is_made_once_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "state" / "prefixes.key"
    first = PrefixSecret.open(path)
    assert PrefixSecret.open(path).sign(b"a", b"b") == first.sign(b"a", b"b")
    assert first.sign(b"a", b"b") != first.sign(b"a", b"", b"b")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("how", ["readable", "link", "short", "long"])
def test_a_secret_that_is_not_one_is_refused(tmp_path: Path, how: str) -> None:
    path = tmp_path / "prefixes.key"
    PrefixSecret.open(path)
    if how == "readable":
        path.chmod(0o640)
    elif how == "link":
        path.rename(tmp_path / "other")
        path.symlink_to(tmp_path / "other")
    else:
        path.write_bytes(b"x" * (3 if how == "short" else 99))
    with pytest.raises(DiskUnusable, match=r"prefixes\.key"):
        PrefixSecret.open(path)
