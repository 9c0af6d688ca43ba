"""API keys in their file: what is stored and found, also while other processes have the file open."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from router.jobs.limits import Priority, UserLimits
from router.keys.access import Access
from router.keys.database import KeyFile, KeyFileError
from router.keys.keyring import Keyring
from router.keys.store import KeyStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "keys.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[KeyStore]:
    opened = KeyStore.open(path)
    yield opened
    opened.close()


def test_a_created_key_is_found_with_its_settings(store: KeyStore) -> None:
    limits = UserLimits(2, 5, Priority.BATCH)
    key = store.create("bob", limits, admin=True)
    found = store.snapshot().find(key)
    assert found is not None
    assert (found.name, found.limits, found.admin, found.revoked_at_s) == ("bob", limits, True, None)
    assert store.keys() == [found]


def test_only_the_hash_of_a_key_is_stored(store: KeyStore, path: Path) -> None:
    key = store.create("bob")
    store.close()
    secret = key.split("-", 2)[2]
    files = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert len(secret) >= 43
    assert secret.encode() not in files


def test_only_the_owner_can_read_the_file(store: KeyStore, path: Path) -> None:
    store.create("bob")
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}


def test_an_altered_key_is_not_found(store: KeyStore) -> None:
    key = store.create("bob")
    prefix, key_id, secret = key.split("-", 2)
    other = store.create("ann").split("-", 2)[2]
    wrong = ["", "x", prefix, f"{prefix}-{key_id}", f"{prefix}-{key_id}-", key[:-1], key + "x", key.upper(), f" {key}"]
    wrong += [f"{prefix}-{key_id}-{other}", f"{prefix}--{secret}", f"{prefix}-%-{secret}", f"{prefix}-{key_id}-\xff"]
    assert [store.snapshot().find(given) for given in wrong] == [None] * len(wrong)


def test_a_revoked_key_is_not_found_and_its_name_can_be_reused(store: KeyStore) -> None:
    old = store.create("bob")
    store.revoke("bob")
    assert store.snapshot().find(old) is None
    new = store.create("bob")
    assert store.snapshot().find(old) is None
    assert store.snapshot().find(new) is not None
    assert [key.name for key in store.keys(revoked=True)] == ["bob"]
    assert all(key.revoked_at_s is not None for key in store.keys(revoked=True))


def test_another_process_sees_a_change_at_once(store: KeyStore, path: Path) -> None:
    other = KeyStore.open(path)
    key = store.create("bob")
    assert other.snapshot().find(key) is not None
    store.revoke("bob")
    assert other.snapshot().find(key) is None
    other.close()


def test_a_name_has_at_most_one_active_key(store: KeyStore) -> None:
    store.create("bob")
    with pytest.raises(KeyFileError, match="bob already"):
        store.create("bob")


@pytest.mark.parametrize("name", ["", "a b", "ä", "-x", "x" * 65, "../x", "127.0.0.1", "::1", "local", "a\n"])
def test_a_name_with_other_characters_or_an_address_is_refused(store: KeyStore, name: str) -> None:
    with pytest.raises(KeyFileError, match="expected 1 to 64 letters"):
        store.create(name)
    assert not store.any_created()


def test_revoking_an_unknown_name_lists_the_active_ones(store: KeyStore) -> None:
    store.create("bob")
    with pytest.raises(KeyFileError, match=r"expected the name of an active key \(bob\), got ann"):
        store.revoke("ann")


def test_several_threads_can_create_the_file_at_once(path: Path) -> None:
    failures: list[Exception] = []

    def make(number: int) -> None:
        try:
            own = KeyStore.open(path, lock_timeout_s=60.0)  # the disk may be busy
            own.create(f"user{number}")
            own.close()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    opened = KeyStore.open(path)
    assert len(opened.keys()) == 8
    opened.close()


def test_another_process_that_closes_the_file_leaves_its_log_in_place(path: Path) -> None:
    """If this process had lost its lock, the other would delete the write-ahead log that this one still writes."""
    opened = [KeyStore.open(path), KeyStore.open(path)]
    for name in ("bob", "ann"):
        opened[0].create(name)
        code = "import sys, sqlite3; sqlite3.connect(sys.argv[1]).execute('SELECT name FROM key').fetchall()"
        subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    seen = subprocess.run(
        [sys.executable, "-m", "router.cli", "key", "list", "--json", "--key-file", str(path)],
        check=True,
        capture_output=True,
    )
    assert [key["name"] for key in json.loads(seen.stdout)] == ["bob", "ann"]
    for store in opened:
        store.close()


def test_a_key_is_needed_once_one_was_created_even_if_it_is_revoked(store: KeyStore) -> None:
    assert not Access(Keyring(store)).needs_key
    store.create("bob")
    assert Access(Keyring(store)).needs_key
    store.revoke("bob")
    assert Access(Keyring(store)).needs_key


@pytest.mark.parametrize(
    ("settings", "needed"),
    [({"api_key": "x"}, True), ({"required": True}, True), ({"insecure": True}, False)],
)
def test_options_override_whether_a_key_is_needed(store: KeyStore, settings: dict[str, Any], needed: bool) -> None:
    assert Access(Keyring(store), **settings).needs_key is needed
    store.create("bob")
    assert Access(Keyring(store), **settings).needs_key is needed


@pytest.mark.parametrize(("mode", "refused"), [(0o600, False), (0o640, False), (0o660, True), (0o602, True)])
def test_a_file_that_others_may_write_is_refused(
    store: KeyStore, path: Path, mode: int, refused: bool, caplog: pytest.LogCaptureFixture
) -> None:
    path.chmod(mode)
    if refused:
        with pytest.raises(KeyFileError, match=f"expected one that only its owner may write, got mode 0{mode:o}"):
            KeyStore.open(path)
    else:
        KeyStore.open(path).close()
    assert ("others may read the key file" in caplog.text) == (mode == 0o640)


def test_a_file_that_is_replaced_while_it_is_written_is_opened_next(tmp_path: Path) -> None:
    path, other = tmp_path / "keys", tmp_path / "other"
    for each, name in ((path, "old"), (other, "new")):
        made = KeyStore.open(each)
        made.create(name)
        made.close()
    file = KeyFile(path)
    file.database()
    other.replace(path)
    file.flush()
    store = KeyStore(file)
    assert [key.name for key in store.keys()] == ["new"]  # noqa: SIM118
    store.close()


def test_a_readable_file_is_warned_about_once_however_often_it_is_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "keys"
    KeyStore.open(path).close()
    path.chmod(0o644)
    file = KeyFile(path)
    for at_s in (1, 2):
        os.utime(path, (at_s, at_s))
        file.database()
    file.close()
    assert file.openings == 3
    assert caplog.text.count("others may read the key file") == 1
