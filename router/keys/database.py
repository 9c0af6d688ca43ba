"""The SQLite file of API keys and their usage.

Several servers on this machine and ``nexa key`` may have it open at the same time. It is in WAL mode: readers do not
wait for a writer, and committed data survives the death of the process.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

FILE_NAME = "keys.sqlite3"
LOCK_TIMEOUT_S = 5.0
"""Default time that a statement waits for another process to finish writing."""

IN_MEMORY = ":memory:"
_LOG_ENDINGS = ("-wal", "-shm")

log = logging.getLogger("nexa.auth")

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


FILE_ERRORS = (KeyFileError, sqlite3.Error, OSError)
"""What reading and writing the key file raises, in time limits too."""


class KeyFile:
    """The file that is at ``path`` now: when another one takes its place, or is copied over it, it is opened again.

    Without a path it is a database in memory. Only one thread may use it at a time.
    """

    def __init__(self, path: Path | None, lock_timeout_s: float = LOCK_TIMEOUT_S) -> None:
        self._path = path
        self._lock_timeout_s = lock_timeout_s
        self._database = connect(path, lock_timeout_s)
        self._version = self._found()
        self._log = self._found_log()
        self.openings = 1
        self._warn_if_readable()

    def database(self) -> sqlite3.Connection:
        """The connection to the file.

        Raises:
            KeyFileError: the file is gone, or is not a key file.
        """
        found = self._found()
        if found != self._version:
            replaced = found[:2] != self._version[:2]
            self._remove_stale_log(replaced)
            opened = connect(self._path, self._lock_timeout_s, create=False)
            self._database.close()
            self._database, self._version = opened, found
            self.openings += 1
            if replaced:
                self._warn_if_readable()
        self._log = self._found_log()
        return self._database

    def flush(self) -> None:
        """Write what is in the write-ahead log into the file, so that a copy of the file alone has all.

        Raises:
            sqlite3.Error: the file cannot be written.
        """
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        found = self._found()
        if found[:2] == self._version[:2]:  # else another has taken its place, which is still to be opened
            self._version, self._log = found, self._found_log()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _warn_if_readable(self) -> None:
        """Warn of a file that others can read, once: writing usage changes it often."""
        if self._path is None:
            return
        mode = stat.S_IMODE(self._path.stat().st_mode)
        if mode & (stat.S_IRGRP | stat.S_IROTH):
            log.warning("others may read the key file", extra={"path": str(self._path), "mode": f"{mode:04o}"})

    def _remove_stale_log(self, replaced: bool) -> None:
        """Remove the former file's write-ahead log, which SQLite would apply to the one that has ``replaced`` it."""
        if replaced and self._log and self._log == self._found_log():
            for ending in _LOG_ENDINGS:
                Path(f"{self._path}{ending}").unlink(missing_ok=True)

    def _found_log(self) -> tuple[int, ...]:
        """Which file is the write-ahead log; empty if there is none."""
        try:
            facts = os.stat(f"{self._path}{_LOG_ENDINGS[0]}")
        except OSError:
            return ()
        return facts.st_dev, facts.st_ino

    def _found(self) -> tuple[int, ...]:
        """What differs if the file was replaced or written."""
        if self._path is None:
            return ()
        try:
            facts = self._path.stat()
        except OSError as error:
            raise KeyFileError(f"key file {self._path}: cannot be read ({_reason(error)})") from None
        return facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_size


def connect(path: Path | None, lock_timeout_s: float = LOCK_TIMEOUT_S, create: bool = True) -> sqlite3.Connection:
    """Open the key file, or without ``path`` a database in memory. A new file is readable by its owner only.

    Threads may share the connection, but only one may use it at a time. A statement waits up to ``lock_timeout_s`` for
    another process to finish writing. Without ``create``, a missing or empty file is refused.

    Raises:
        KeyFileError: the file cannot be created or opened, is not a key file, or is of a newer version.
    """
    try:
        if path is not None and create:
            path.parent.mkdir(parents=True, exist_ok=True)
            _create_private(path)
        if path is not None:
            _check_private(path)
        name = IN_MEMORY if path is None else f"{path.absolute().as_uri()}?mode=rw"
        database = sqlite3.connect(
            name, timeout=lock_timeout_s, isolation_level=None, check_same_thread=False, uri=path is not None
        )
    except (OSError, sqlite3.Error) as error:
        raise KeyFileError(f"key file {path}: cannot be opened ({_reason(error)})") from None
    try:
        if not create and _pragma(database, "application_id") != _APPLICATION_ID:
            raise KeyFileError(f"key file {path}: expected a key file, got another file")
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


def _check_private(path: Path) -> None:
    """Refuse a file in which others could write keys of their own."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise KeyFileError(
            f"key file {path}: expected one that only its owner may write, got mode {mode:04o}; try: chmod 600 {path}"
        )


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
