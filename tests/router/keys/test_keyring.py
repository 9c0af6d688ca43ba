"""Keys in memory: what they follow of the key file, and what becomes of them when it cannot be read."""

from __future__ import annotations

import asyncio
import datetime
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from router.keys import keyring as module
from router.keys.keyring import Keyring
from router.keys.store import KeyStore
from router.keys.usage import NO_KEY, Usage, UsageBucket, UsageStore

DAY = datetime.date(2026, 1, 31)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[KeyStore]:
    opened = KeyStore.open(path)
    yield opened
    opened.close()


def refresh(keyring: Keyring) -> bool:
    """Look at the file; returns whether a key was revoked."""
    revoked: list[None] = []
    keyring.on_revoked = lambda: revoked.append(None)
    asyncio.run(keyring.refresh())
    return bool(revoked)


def backup(path: Path) -> Path:
    """A copy of the key file as it is now, without anything in its log."""
    copy = path.with_suffix(".backup")
    source, target = sqlite3.connect(path), sqlite3.connect(copy)
    source.backup(target)
    source.close()
    target.close()
    return copy


def moved(copy: Path, path: Path) -> None:
    os.replace(copy, path)


def copied_over(copy: Path, path: Path) -> None:
    shutil.copyfile(copy, path)


def test_a_key_is_known_and_forgotten_with_the_next_look_at_the_file(store: KeyStore, path: Path) -> None:
    keyring = Keyring.open(path)
    assert not keyring.any_created
    key = store.create("bob")
    assert keyring.find(key) is None
    assert not refresh(keyring)
    found = keyring.find(key)
    assert found is not None
    assert found.name == "bob"
    assert not refresh(keyring)
    store.revoke("bob")
    assert refresh(keyring)
    assert keyring.find(key) is None
    assert keyring.any_created
    assert not keyring.is_active(found.key_id)


@pytest.mark.parametrize("restore", [moved, copied_over])
def test_a_file_that_takes_the_place_of_another_is_read(
    path: Path, tmp_path: Path, restore: Callable[[Path, Path], None]
) -> None:
    other = KeyStore.open(tmp_path / "other")
    new = other.create("ann")
    other.close()
    store = KeyStore.open(path)
    old = store.create("bob")
    store.close()
    keyring = Keyring.open(path)
    refresh(keyring)
    restore(tmp_path / "other", path)
    assert refresh(keyring)
    assert keyring.find(old) is None
    assert keyring.find(new) is not None


@pytest.mark.parametrize("restore", [moved, copied_over])
def test_usage_goes_into_the_file_that_took_the_place(path: Path, restore: Callable[[Path, Path], None]) -> None:
    usage = UsageStore.open(path)
    bucket = UsageBucket(DAY, NO_KEY, "m")
    usage.add({bucket: Usage(1)})
    copy = backup(path)
    usage.add({bucket: Usage(10)})
    restore(copy, path)
    usage.add({bucket: Usage(100)})
    usage.close()
    read = UsageStore.open(path)
    assert read.sums()[0].usage == Usage(101)
    read.close()


def test_a_server_stays_closed_when_its_file_is_replaced_by_one_without_keys(store: KeyStore, path: Path) -> None:
    KeyStore.open(path.with_suffix(".empty")).close()
    store.create("bob")
    keyring = Keyring.open(path)
    os.replace(path.with_suffix(".empty"), path)
    assert refresh(keyring)
    assert keyring.any_created


def _deleted(path: Path) -> None:
    path.unlink()


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _damaged(path: Path) -> None:
    path.write_bytes(b"x" * 8192)


@pytest.mark.parametrize("harm", [_deleted, _emptied, _damaged])
def test_the_last_known_keys_hold_while_the_file_cannot_be_read(
    path: Path, caplog: pytest.LogCaptureFixture, harm: Callable[[Path], None]
) -> None:
    store = KeyStore.open(path)
    key = store.create("bob")
    store.close()
    keyring = Keyring.open(path)
    copy = backup(path)
    harm(path)
    assert not refresh(keyring)
    read_at_s = keyring._read_at_s
    assert not refresh(keyring)
    assert keyring.find(key) is not None
    assert keyring._read_at_s == read_at_s
    assert caplog.text.count("key file not read, the last known keys hold") == 1
    assert key not in caplog.text
    os.replace(copy, path)
    assert not refresh(keyring)
    assert keyring.find(key) is not None
    assert keyring._read_at_s > read_at_s
    store = KeyStore.open(path)
    store.revoke("bob")
    store.close()
    assert refresh(keyring)


def test_nobody_waits_for_a_disk_that_hangs(
    store: KeyStore, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "READ_TIMEOUT_S", 0.01)
    key = store.create("bob")
    keyring = Keyring.open(path)
    hung, answers = threading.Event(), threading.Event()
    read = KeyStore.changed_snapshot

    def hanging(store: KeyStore) -> Any:
        hung.set()
        assert answers.wait(10)
        return read(store)

    monkeypatch.setattr(KeyStore, "changed_snapshot", hanging)

    async def go() -> None:
        await keyring.refresh()
        assert hung.is_set()
        await keyring.refresh()  # no second thread
        assert keyring.find(key) is not None
        answers.set()
        while keyring._failed:
            await keyring.refresh()

    asyncio.run(asyncio.wait_for(go(), 10))
    assert str(caplog.records[0].__dict__["reason"]).startswith("key file: expected an answer within")


def test_a_defect_in_what_a_revoked_key_ends_does_not_end_the_looks_at_the_file(
    store: KeyStore, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "REFRESH_S", 0.001)
    store.create("first")
    keyring = Keyring.open(path)

    def fail() -> None:
        raise LookupError("a defect")

    async def go() -> None:
        keyring.on_revoked = fail
        keeping = asyncio.create_task(keyring.keep_fresh())
        store.revoke("first")
        while "LookupError: a defect" not in caplog.text:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        second = store.create("second")
        while keyring.find(second) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    asyncio.run(asyncio.wait_for(go(), 10))
    keyring.close()
