"""Private SQLite files, which outlive the server.

They are in WAL mode: readers do not wait for a writer, and committed data survives the death of the process. Several
processes may have a file open at the same time.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LOCK_TIMEOUT_S = 5.0
"""Default time that a statement waits for another process to finish writing."""

_SWITCH_INTERVAL_S = 0.01

IN_MEMORY = ":memory:"


class StorageError(Exception):
    """A file cannot be used; the message is one readable line."""


STORAGE_ERRORS = (StorageError, sqlite3.Error, OSError)
"""What reading and writing such a file raises, in time limits too."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a kind of file holds.

    ``name`` is what messages call it, such as ``key file``. ``application_id`` marks a file as one of this kind.
    ``migrations`` are SQL scripts: number ``n`` leads from version ``n`` to the next, the first one from an empty file.
    What is wrong with a file is raised as ``error``.
    """

    name: str
    application_id: int
    migrations: tuple[str, ...]
    error: type[StorageError] = StorageError

    @property
    def version(self) -> int:
        """The version of a file that has had all migrations."""
        return len(self.migrations)

    def open(
        self, path: Path | None, lock_timeout_s: float = LOCK_TIMEOUT_S, create: bool = True
    ) -> sqlite3.Connection:
        """Open the file, or without ``path`` a database in memory. A new file is readable by its owner only.

        A file of an earlier version gets the migrations that it lacks. Threads may share the connection, but only one
        may use it at a time. A statement waits up to ``lock_timeout_s`` for another process to finish writing. Without
        ``create``, a missing or empty file is refused.

        Raises:
            StorageError: as ``error``; the file cannot be created or opened, is of another kind, may be written by
                others, or is of a newer version.
        """
        database = self._connect(path, lock_timeout_s, create)
        try:
            if not create and _pragma(database, "application_id") != self.application_id:
                raise self.error(f"{self.name} {path}: expected a {self.name}, got another file")
            _write_ahead(database, lock_timeout_s)
            self._prepare(database, path)
        except sqlite3.Error as error:
            database.close()
            raise self.error(f"{self.name} {path}: cannot be used ({reason(error)})") from None
        except BaseException:
            database.close()
            raise
        return database

    def _connect(self, path: Path | None, lock_timeout_s: float, create: bool) -> sqlite3.Connection:
        try:
            if path is not None and create:
                path.parent.mkdir(parents=True, exist_ok=True)
                _create_private(path)
            if path is not None:
                self._check_private(path)
            name = IN_MEMORY if path is None else f"{path.absolute().as_uri()}?mode=rw"
            return sqlite3.connect(
                name, timeout=lock_timeout_s, isolation_level=None, check_same_thread=False, uri=path is not None
            )
        except (OSError, sqlite3.Error) as error:
            raise self.error(f"{self.name} {path}: cannot be opened ({reason(error)})") from None

    def _check_private(self, path: Path) -> None:
        """Refuse a file in which others could write."""
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise self.error(
                f"{self.name} {path}: expected one that only its owner may write, got mode {mode:04o}; "
                f"try: chmod 600 {path}"
            )

    def _prepare(self, database: sqlite3.Connection, path: Path | None) -> None:
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA foreign_keys = ON")
        if self._is_new(database) or _pragma(database, "user_version") < self.version:
            with write_transaction(database):  # two processes may find the file empty or old at once
                self._migrate(database, path)
        version = _pragma(database, "user_version")
        if version > self.version:
            raise self.error(f"{self.name} {path}: expected version {self.version} or earlier, got {version}")

    def _migrate(self, database: sqlite3.Connection, path: Path | None) -> None:
        version = _pragma(database, "user_version")
        if self._is_new(database):
            if database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise self.error(f"{self.name} {path}: expected a {self.name}, got another program's database")
            version = 0
        for script in self.migrations[version:]:
            for statement in filter(str.strip, script.split(";")):
                database.execute(statement)
        if version < self.version:
            database.execute(f"PRAGMA user_version = {self.version}")
        database.execute(f"PRAGMA application_id = {self.application_id}")

    def _is_new(self, database: sqlite3.Connection) -> bool:
        return _pragma(database, "application_id") != self.application_id


def _write_ahead(database: sqlite3.Connection, lock_timeout_s: float) -> None:
    """Switch the file to WAL mode. While another connection does so too, SQLite refuses at once instead of waiting."""
    deadline_s = time.monotonic() + lock_timeout_s
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline_s:
                raise
        time.sleep(_SWITCH_INTERVAL_S)


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


def reason(error: OSError | sqlite3.Error) -> str:
    """Why a file cannot be used, without its path."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _create_private(path: Path) -> None:
    """Create the file if it is missing, readable by its owner only.

    An existing file must not be opened here: closing it would drop the locks of SQLite's other connections to it
    (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _pragma(database: sqlite3.Connection, pragma: str) -> int:
    number: int = database.execute(f"PRAGMA {pragma}").fetchone()[0]
    return number
