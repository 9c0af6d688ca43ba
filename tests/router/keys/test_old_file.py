"""Key files of earlier releases keep working: servers of several versions may share one."""

from __future__ import annotations

import datetime
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.cli.main import main
from router.jobs.limits import Priority, UserLimits
from router.keys.store import KeyStore
from router.keys.usage import Usage, UsageBucket, UsageRow, UsageStore

BOBS_KEY = "nexa-0123456789ab-c2VjcmV0"
VERSION_1 = """
CREATE TABLE key (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    digest BLOB NOT NULL,
    admin INTEGER NOT NULL,
    max_running INTEGER,
    max_queued INTEGER,
    priority TEXT NOT NULL,
    created_s INTEGER NOT NULL,
    revoked_s INTEGER
);
CREATE UNIQUE INDEX key_in_force ON key (name) WHERE revoked_s IS NULL;
CREATE TABLE usage (
    day TEXT NOT NULL,
    key TEXT NOT NULL,
    model TEXT NOT NULL,
    requests INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    images INTEGER NOT NULL,
    audio_s REAL NOT NULL,
    PRIMARY KEY (day, key, model)
) WITHOUT ROWID;
INSERT INTO usage VALUES ('2026-01-31', 'bob', 'smollm2', 2, 1000, 400, 30, 0, 0.0);
PRAGMA user_version = 1;
PRAGMA application_id = 0x6E657861;
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.sqlite3"
    database = sqlite3.connect(path)
    database.executescript(VERSION_1)
    digest = hashlib.sha256(BOBS_KEY.encode()).digest()
    rows = [
        ("0123456789ab", "bob", digest, 1, 2, None, "batch", 1_700_000_000, None),
        ("ba9876543210", "ann", b"x", 0, None, None, "interactive", 1_600_000_000, 1_650_000_000),
    ]
    database.executemany("INSERT INTO key VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    database.commit()
    database.close()
    return path


@pytest.fixture
def store(path: Path) -> Iterator[KeyStore]:
    opened = KeyStore.open(path)
    yield opened
    opened.close()


def test_old_keys_are_found_with_their_times(store: KeyStore) -> None:
    bob = store.snapshot().find(BOBS_KEY)
    assert bob is not None
    assert (bob.name, bob.admin, bob.limits) == ("bob", True, UserLimits(2, None, Priority.BATCH))
    assert (bob.created_at_s, bob.revoked_at_s) == (1_700_000_000, None)
    (ann,) = store.keys(revoked=True)
    assert (ann.name, ann.created_at_s, ann.revoked_at_s) == ("ann", 1_600_000_000, 1_650_000_000)


def test_old_keys_can_be_revoked_and_their_names_reused(store: KeyStore) -> None:
    store.revoke("bob")
    assert store.snapshot().find(BOBS_KEY) is None
    store.create("bob")
    assert [key.name for key in store.keys(revoked=True)] == ["ann", "bob"]


def test_an_old_key_can_get_the_limits_that_are_new(store: KeyStore) -> None:
    limits = UserLimits(models=("smollm2", "llama2:Q8_0"), tokens_per_day=1000)
    store.change("bob", limits)
    assert store.named("bob").limits == limits
    store.create("carl", limits)
    assert store.named("carl").limits == limits


def test_a_file_of_a_later_release_is_refused(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    KeyStore.open(path).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 3")
    database.close()
    assert main(["key", "list", "--key-file", str(path)]) == 1
    assert f"key file {path}: expected version 2 or earlier, got 3" in capsys.readouterr().err


def test_usage_is_added_to_that_of_an_old_file(path: Path) -> None:
    store = UsageStore.open(path)
    store.add({UsageBucket(datetime.date(2026, 1, 31), "bob", "smollm2"): Usage(1, 10, 4, 3)})
    assert store.sums() == [UsageRow("bob", None, None, Usage(3, 1010, 404, 33))]
    store.close()


def test_the_json_list_of_keys_keeps_its_fields(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "list", "--json", "--key-file", str(path)]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "name": "bob",
            "id": "0123456789ab",
            "max_running": 2,
            "max_queued": None,
            "priority": "batch",
            "models": None,
            "tokens_per_day": None,
            "admin": True,
            "created": 1_700_000_000,
            "revoked": None,
        }
    ]
