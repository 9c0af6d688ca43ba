"""The SQLite file of stored answers, and of the conversations that they form."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from router.storage.database import FileKind, write_transaction

FILE_NAME = "answers.sqlite3"

_SCHEMA = """
CREATE TABLE answer (
    id TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    parent TEXT,
    conversation TEXT NOT NULL,
    server TEXT NOT NULL,
    created_s INTEGER NOT NULL,
    status TEXT NOT NULL,
    input BLOB NOT NULL,
    response BLOB NOT NULL
);
CREATE INDEX answer_by_conversation ON answer (conversation);
CREATE TABLE conversation (
    id TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    used_s INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL
);
CREATE INDEX conversation_by_use ON conversation (used_s);
CREATE INDEX conversation_by_user ON conversation (user, used_s);
CREATE TABLE kept (
    user TEXT PRIMARY KEY,
    size_bytes INTEGER NOT NULL
);
"""
ANSWER_FILE = FileKind("file of answers", 0x6E657872, (_SCHEMA,))  # "nexr"

UNENDED = ("queued", "in_progress")
"""The statuses of answers that are still to be generated."""

ROW_BYTES = 500
"""What an answer takes beside its texts, about."""

_COLUMNS = "id, user, parent, server, created_s, status, input, response"
_CHAIN = f"""
WITH RECURSIVE chain (level, id, user, parent, server, created_s, status, input, response) AS (
    SELECT 0, {_COLUMNS} FROM answer WHERE id = ?
    UNION ALL
    SELECT level + 1, {", ".join(f"answer.{name}" for name in _COLUMNS.split(", "))}
    FROM chain JOIN answer ON answer.id = chain.parent
)
SELECT {_COLUMNS} FROM chain ORDER BY level
"""
_CHAIN_BYTES = f"""
WITH RECURSIVE chain (id, parent, size_bytes) AS (
    SELECT id, parent, length(input) + length(response) + {ROW_BYTES} FROM answer WHERE id = ?
    UNION ALL
    SELECT answer.id, answer.parent, length(answer.input) + length(answer.response) + {ROW_BYTES}
    FROM chain JOIN answer ON answer.id = chain.parent
)
SELECT coalesce(sum(size_bytes), 0) FROM chain
"""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer with its own input, both JSON. ``parent`` is the answer that it goes on from.

    ``server`` is the run folder of the server that generates it.
    """

    answer_id: str
    user: str
    parent: str | None
    server: str
    created_s: int
    status: str
    input: bytes
    response: bytes

    @property
    def size_bytes(self) -> int:
        """What it takes of the limits."""
        return len(self.input) + len(self.response) + ROW_BYTES


class AnswerStore:
    """Keeps answers for ``keep_s`` after the last use of their conversation, and within ``keep_bytes``.

    A conversation leaves as a whole: those that were not used for the longest time first, of a user who has more than
    half of the room, then of anybody. All methods block on the disk, and only one thread may call them at a time.
    They raise sqlite3.Error if the file cannot be used.
    """

    def __init__(
        self, database: sqlite3.Connection, keep_s: float, keep_bytes: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._keep_s = keep_s
        self._keep_bytes = keep_bytes
        self._clock = clock
        database.execute("PRAGMA secure_delete = ON")

    @classmethod
    def open(cls, path: Path | None, keep_s: float, keep_bytes: int) -> Self:
        """Open the file at ``path``, or create it if missing; without one, a database in memory.

        Raises:
            StorageError: the file cannot be used.
        """
        return cls(ANSWER_FILE.open(path), keep_s, keep_bytes)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def put(self, answer: StoredAnswer) -> None:
        """Add an answer, or replace it."""
        with write_transaction(self._database):
            self._put(answer)

    def finish(self, answer_id: str, status: str, response: bytes) -> None:
        """Replace the response of an answer, if it is still there."""
        with write_transaction(self._database):
            found = self.find(answer_id)
            if found is not None:
                self._put(replace(found, status=status, response=response))

    def give_up(self, answer_id: str, status: str, response: bytes) -> None:
        """As :meth:`finish`, if the answer has not ended."""
        with write_transaction(self._database):
            found = self.find(answer_id)
            if found is not None and found.status in UNENDED:
                self._put(replace(found, status=status, response=response))

    def find(self, answer_id: str) -> StoredAnswer | None:
        """An answer."""
        row = self._database.execute(f"SELECT {_COLUMNS} FROM answer WHERE id = ?", (answer_id,)).fetchone()
        return None if row is None else StoredAnswer(*row)

    def chain(self, answer_id: str) -> list[StoredAnswer]:
        """An answer and those before it in its conversation, latest first, as far as they are there."""
        return [StoredAnswer(*row) for row in self._database.execute(_CHAIN, (answer_id,))]

    def chain_bytes(self, answer_id: str) -> int:
        """The size of that chain, without reading it."""
        size_bytes: int = self._database.execute(_CHAIN_BYTES, (answer_id,)).fetchone()[0]
        return size_bytes

    def delete(self, answer_id: str) -> None:
        """Delete an answer, if it is there."""
        with write_transaction(self._database):
            found = self.find(answer_id)
            if found is None:
                return
            (conversation,) = self._database.execute(
                "DELETE FROM answer WHERE id = ? RETURNING conversation", (answer_id,)
            ).fetchone()
            self._grow(conversation, found.user, -found.size_bytes, used=False)
            self._database.execute(
                "DELETE FROM conversation WHERE id = ? AND NOT EXISTS (SELECT 1 FROM answer WHERE conversation = ?)",
                (conversation, conversation),
            )

    def clean(self) -> None:
        """Delete what is too old or too much."""
        with write_transaction(self._database):
            self._clean()

    @property
    def kept_bytes(self) -> int:
        """What all answers take of the limits."""
        size_bytes: int = self._database.execute("SELECT coalesce(sum(size_bytes), 0) FROM kept").fetchone()[0]
        return size_bytes

    def _put(self, answer: StoredAnswer) -> None:
        earlier = self.find(answer.answer_id)
        conversation = self._conversation_of(answer)
        self._database.execute(
            "INSERT INTO answer (conversation, " + _COLUMNS + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET status = excluded.status, response = excluded.response",
            (
                conversation,
                answer.answer_id,
                answer.user,
                answer.parent,
                answer.server,
                answer.created_s,
                answer.status,
                answer.input,
                answer.response,
            ),
        )
        grown_bytes = answer.size_bytes if earlier is None else len(answer.response) - len(earlier.response)
        self._grow(conversation, answer.user, grown_bytes)
        self._clean(answer.user)

    def _conversation_of(self, answer: StoredAnswer) -> str:
        """The conversation that an answer belongs to: its parent's, or one of its own."""
        row = self._database.execute("SELECT conversation FROM answer WHERE id = ?", (answer.parent,)).fetchone()
        return answer.answer_id if row is None else str(row[0])

    def _grow(self, conversation: str, user: str, grown_bytes: int, used: bool = True) -> None:
        now_s = int(self._clock())
        self._database.execute(
            "INSERT INTO conversation (id, user, used_s, size_bytes) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
            "SET size_bytes = size_bytes + excluded.size_bytes, used_s = iif(?, excluded.used_s, used_s)",
            (conversation, user, now_s, grown_bytes, used),
        )
        (owner,) = self._database.execute("SELECT user FROM conversation WHERE id = ?", (conversation,)).fetchone()
        self._count(owner, grown_bytes)

    def _count(self, user: str, grown_bytes: int) -> None:
        self._database.execute(
            "INSERT INTO kept (user, size_bytes) VALUES (?, ?) ON CONFLICT (user) DO UPDATE "
            "SET size_bytes = size_bytes + excluded.size_bytes",
            (user, grown_bytes),
        )
        self._database.execute("DELETE FROM kept WHERE user = ? AND size_bytes <= 0", (user,))

    def _clean(self, user: str = "") -> None:
        oldest_s = int(self._clock() - self._keep_s)
        for (conversation,) in self._database.execute(
            "SELECT id FROM conversation WHERE used_s < ? ORDER BY used_s", (oldest_s,)
        ).fetchall():
            self._drop(conversation)
        while user and self._kept_by(user) > self._keep_bytes // 2:
            self._drop_oldest("WHERE user = ?", user)
        while self.kept_bytes > self._keep_bytes:
            self._drop_oldest("")

    def _kept_by(self, user: str) -> int:
        row = self._database.execute("SELECT size_bytes FROM kept WHERE user = ?", (user,)).fetchone()
        return 0 if row is None else int(row[0])

    def _drop_oldest(self, condition: str, *arguments: str) -> None:
        (conversation,) = self._database.execute(
            f"SELECT id FROM conversation {condition} ORDER BY used_s, rowid LIMIT 1", arguments
        ).fetchone()
        self._drop(conversation)

    def _drop(self, conversation: str) -> None:
        self._database.execute("DELETE FROM answer WHERE conversation = ?", (conversation,))
        user, size_bytes = self._database.execute(
            "DELETE FROM conversation WHERE id = ? RETURNING user, size_bytes", (conversation,)
        ).fetchone()
        self._count(user, -size_bytes)
