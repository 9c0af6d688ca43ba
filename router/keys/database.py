"""The SQLite file of API keys and their usage.

Several servers on this machine and ``nexa key`` may have it open at the same time. It is in WAL mode: readers do not
wait for a writer, and committed data survives the death of the process.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

FILE_NAME = "keys.sqlite3"
LOCK_TIMEOUT_S = 5.0
"""Default time that a statement waits for another process to finish writing."""

IN_MEMORY = ":memory:"
_APPLICATION_ID = 0x6E657861  # "nexa"
_VERSION = 1
# Columns keep their names, since servers of several versions may share a file. ``created_s`` and ``revoked_s`` are
# seconds since the epoch.
_SCHEMA = """
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
"""


class KeyFileError(Exception):
    """The key file cannot be used; the message is one readable line."""


def connect(path: Path | None, lock_timeout_s: float = LOCK_TIMEOUT_S) -> sqlite3.Connection:
    """Open the key file, or without ``path`` a database in memory. A new file is readable by its owner only.

    Threads may share the connection, but only one may use it at a time. A statement waits up to ``lock_timeout_s`` for
    another process to finish writing.

    Raises:
        KeyFileError: the file cannot be created or opened, is not a key file, or is of a newer version.
    """
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            _create_private(path)
        name = IN_MEMORY if path is None else path
        database = sqlite3.connect(name, timeout=lock_timeout_s, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise KeyFileError(f"key file {path}: cannot be opened ({_reason(error)})") from None
    try:
        _prepare(database, path)
    except sqlite3.Error as error:
        database.close()
        raise KeyFileError(f"key file {path}: cannot be used ({_reason(error)})") from None
    except BaseException:
        database.close()
        raise
    return database


@contextlib.contextmanager
def write_transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Run the block as an exclusive write transaction, rolled back if it raises."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.rollback()
        raise
    database.commit()


def _create_private(path: Path) -> None:
    """Create the file if it is missing, readable by its owner only.

    An existing file must not be opened here: closing it would drop the locks of SQLite's other connections to it
    (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _prepare(database: sqlite3.Connection, path: Path | None) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    if _pragma(database, "application_id") != _APPLICATION_ID:
        with write_transaction(database):  # two processes may find the file empty at once
            _create_tables(database, path)
    version = _pragma(database, "user_version")
    if version > _VERSION:
        raise KeyFileError(f"key file {path}: expected version {_VERSION} or earlier, got {version}")


def _create_tables(database: sqlite3.Connection, path: Path | None) -> None:
    if _pragma(database, "application_id") == _APPLICATION_ID:
        return
    if database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise KeyFileError(f"key file {path}: expected a key file, got another program's database")
    for statement in filter(str.strip, _SCHEMA.split(";")):
        database.execute(statement)
    database.execute(f"PRAGMA user_version = {_VERSION}")
    database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")


def _pragma(database: sqlite3.Connection, pragma: str) -> int:
    number: int = database.execute(f"PRAGMA {pragma}").fetchone()[0]
    return number


def _reason(error: OSError | sqlite3.Error) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
