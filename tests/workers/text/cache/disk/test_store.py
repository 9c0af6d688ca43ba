"""The files of prefixes: found by their beginnings, private, and bounded."""

from __future__ import annotations

import logging
import os
import shutil
import stat
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from tests.support.caches.prefix_files import (
    KEY,
    OTHER_KEY,
    ROOM,
    SECRET,
    STATE_BYTES,
    files_in,
    prefix,
    read_back,
    store_in,
)
from workers.text.cache.checkpoints import Checkpoint
from workers.text.cache.disk.folder import SUFFIX, PrefixFolder
from workers.text.cache.disk.store import PrefixStore
from workers.text.cache.host_cache import SavedPrefix

DiskUsage = namedtuple("DiskUsage", ["total", "used", "free"])


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
