"""The SQLite file of API keys and their usage.

Several servers on this machine and ``nexa key`` may have it open at the same time.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
from pathlib import Path

from router.storage.database import LOCK_TIMEOUT_S, STORAGE_ERRORS, FileKind, StorageError, reason

FILE_NAME = "keys.sqlite3"
_LOG_ENDINGS = ("-wal", "-shm")

log = logging.getLogger("nexa.auth")

# Columns keep their names, since servers of several versions may share a file. ``created_s`` and ``revoked_s`` are
# seconds since the epoch.
_VERSION_1 = """
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
# ``models`` are names, separated by commas; as with the other limits, NULL is none.
_VERSION_2 = """
ALTER TABLE key ADD COLUMN models TEXT;
ALTER TABLE key ADD COLUMN tokens_per_day INTEGER;
"""


class KeyFileError(StorageError):
    """The key file cannot be used; the message is one readable line."""


KEY_FILE = FileKind("key file", 0x6E657861, (_VERSION_1, _VERSION_2), KeyFileError)  # "nexa"

FILE_ERRORS = STORAGE_ERRORS
"""What reading and writing the key file raises, in time limits too."""


class KeyFile:
    """The file that is at ``path`` now: when another one takes its place, or is copied over it, it is opened again.

    Without a path it is a database in memory. Only one thread may use it at a time.
    """

    def __init__(self, path: Path | None, lock_timeout_s: float = LOCK_TIMEOUT_S) -> None:
        self._path = path
        self._lock_timeout_s = lock_timeout_s
        self._database = KEY_FILE.open(path, lock_timeout_s)
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
            opened = KEY_FILE.open(self._path, self._lock_timeout_s, create=False)
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
            raise KeyFileError(f"key file {self._path}: cannot be read ({reason(error)})") from None
        return facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_size
