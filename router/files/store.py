"""Stored files: who owns them, what they are for, and how long they are kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import NamedTuple

from router.files.contents import Contents
from router.files.database import UNFINISHED
from router.schemas.errors import ApiError
from router.schemas.shown import shown
from router.storage.database import write_transaction

_COLUMNS = "id, owner, name, purpose, size_bytes, created_s, expires_s"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file. ``name`` is what its owner called it, and is never a path here."""

    file_id: str
    owner: str
    name: str
    purpose: str
    size_bytes: int
    created_at_s: int
    expires_at_s: int


class FilePage(NamedTuple):
    """A part of a list, and whether more follows."""

    files: list[StoredFile]
    has_more: bool


@dataclass(frozen=True, slots=True)
class StorageLimit:
    """How many bytes of files are kept, of all users; each may have half of it."""

    max_bytes: int

    def check(self, used_bytes: int, own_bytes: int, added_bytes: int) -> None:
        """Check that ``added_bytes`` more fit beside those that are used, and those of the same owner.

        Raises:
            ApiError: 413.
        """
        for used, most, whose in ((own_bytes, self.max_bytes // 2, "of one user"), (used_bytes, self.max_bytes, "")):
            if used + added_bytes > most:
                message = (
                    f"file: expected at most {most} bytes of stored files{whose and f' {whose}'} (--files-keep-bytes), "
                    f"got {used} and {added_bytes} more; delete files that are no longer needed"
                )
                raise ApiError(413, message, "file", "storage_full")


class FileStore:
    """The rows of files, with their contents. One thread at a time."""

    def __init__(self, database: sqlite3.Connection, contents: Contents) -> None:
        self._database = database
        self.contents = contents

    def add(self, file: StoredFile, limit: StorageLimit) -> None:
        """Add a file whose content is written.

        Raises:
            ApiError: 413, there is no room for it.
        """
        with write_transaction(self._database):
            limit.check(self.used_bytes(), self.used_bytes(file.owner), file.size_bytes)
            self.insert(file)

    def insert(self, file: StoredFile) -> None:
        """Add a file whose content is written, whatever there is room for, within the caller's transaction."""
        values = astuple(file)
        self._database.execute(f"INSERT INTO file ({_COLUMNS}) VALUES ({', '.join('?' * len(values))})", values)

    def find(self, file_id: str, now_s: float) -> StoredFile | None:
        """The file with this id; None if there is none, or no longer."""
        row = self._database.execute(
            f"SELECT {_COLUMNS} FROM file WHERE id = ? AND (expires_s > ? OR {_IN_USE})", (file_id, now_s)
        ).fetchone()
        return None if row is None else StoredFile(*row)

    def page(
        self, owner: str | None, purpose: str | None, after: str | None, limit: int, newest_first: bool, now_s: float
    ) -> FilePage:
        """The files of an owner (None: of all), after the one with the id ``after``."""
        comparison, direction = ("<", "DESC") if newest_first else (">", "ASC")
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM file WHERE (?1 IS NULL OR owner = ?1) AND (?2 IS NULL OR purpose = ?2) "
            f"AND (?3 IS NULL OR number {comparison} (SELECT number FROM file WHERE id = ?3)) "
            f"AND (expires_s > ?4 OR {_IN_USE}) ORDER BY number {direction} LIMIT ?5",
            (owner, purpose, after, now_s, limit + 1),
        ).fetchall()
        return FilePage([StoredFile(*row) for row in rows[:limit]], len(rows) > limit)

    def used_bytes(self, owner: str | None = None) -> int:
        """The size of the files of an owner, or of all, together."""
        query = "SELECT coalesce(sum(size_bytes), 0) FROM file WHERE ?1 IS NULL OR owner = ?1"
        used: int = self._database.execute(query, (owner,)).fetchone()[0]
        return used

    def remove(self, file_id: str) -> None:
        """Remove a file and its content.

        Raises:
            ApiError: 400, a batch that has not ended reads it.
        """
        with write_transaction(self._database):
            removed = self._database.execute(f"DELETE FROM file WHERE id = ? AND NOT {_IN_USE}", (file_id,)).rowcount
        if not removed:
            message = f"file_id: expected a file that no unfinished batch reads, got {shown(file_id)}; cancel the batch"
            raise ApiError(400, message, "file_id", "file_in_use")
        self.contents.remove(file_id)

    def remove_expired(self, now_s: float) -> None:
        """Remove the files whose time is over, except those that batches read."""
        query = f"SELECT id FROM file WHERE expires_s <= ? AND NOT {_IN_USE}"
        self._forget([row[0] for row in self._database.execute(query, (now_s,))])

    def mend(self) -> tuple[int, int]:
        """Remove contents without a row, and rows without a content; returns how many of each.

        To be called while nothing else uses the folder.
        """
        ids = {row[0] for row in self._database.execute("SELECT id FROM file")}
        missing = self.contents.missing(ids)
        self._forget(sorted(missing))
        return self.contents.remove_others(ids - missing), len(missing)

    def _forget(self, file_ids: Sequence[str]) -> None:
        with write_transaction(self._database):
            self._database.executemany("DELETE FROM file WHERE id = ?", [(file_id,) for file_id in file_ids])
        for file_id in file_ids:
            self.contents.remove(file_id)


_IN_USE = f"EXISTS (SELECT 1 FROM batch WHERE input_file_id = file.id AND state IN {UNFINISHED})"
