"""Batches and their lines, in the SQLite file of the state folder."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from router.batches.records import BatchEnd, BatchPage, InputLine, KeptAnswer, NewBatch, StoredBatch
from router.batches.states import BATCH_MOVES, BatchState
from router.files.database import UNFINISHED
from router.files.keeper import OpenFiles
from router.schemas.errors import ApiError
from router.storage.database import write_transaction
from shared.states import move

MAX_UNFINISHED = 100
"""Batches of one user that have not ended."""
RETRY_AFTER_S = "60"
MAX_READ_BYTES = 4 * 1024 * 1024
"""Lines that are read ahead, together; a longer line is read alone."""

_COLUMNS = (
    "number, id, owner, key_id, network, endpoint, input_file_id, completion_window, metadata, output_keep_s, state, "
    "created_s, expires_s, times, errors, total, completed, failed, output_file_id, error_file_id"
)


class BatchStore:
    """The rows of batches. Only one thread at a time."""

    def __init__(self, opened: OpenFiles) -> None:
        self._database = opened.database
        self._files = opened.files

    def create(self, new: NewBatch) -> StoredBatch:
        """Add a batch.

        Raises:
            ApiError: 429, its owner has too many.
        """
        with write_transaction(self._database):
            count = self._count(new.owner)
            if count >= MAX_UNFINISHED:
                message = f"batches: expected at most {MAX_UNFINISHED} unfinished ones of one user, got one more"
                raise ApiError(429, message, code="too_many_batches", headers={"Retry-After": RETRY_AFTER_S})
            batch_id = f"batch_{secrets.token_hex(12)}"
            values = (
                batch_id,
                new.owner,
                new.key_id,
                new.network,
                new.endpoint,
                new.input_file_id,
                new.completion_window,
                json.dumps(new.metadata),
                new.output_keep_s,
                BatchState.VALIDATING.value,
                new.created_at_s,
                new.expires_at_s,
            )
            self._database.execute(
                "INSERT INTO batch (id, owner, key_id, network, endpoint, input_file_id, completion_window, metadata, "
                f"output_keep_s, state, created_s, expires_s) VALUES ({', '.join('?' * len(values))})",
                values,
            )
        created = self.find(batch_id)
        assert created is not None
        return created

    def find(self, batch_id: str) -> StoredBatch | None:
        """The batch with this id; None if there is none."""
        row = self._database.execute(f"SELECT {_COLUMNS} FROM batch WHERE id = ?", (batch_id,)).fetchone()
        return None if row is None else _batch(row)

    def get(self, number: int) -> StoredBatch:
        """The batch with this number, which must exist."""
        return _batch(self._database.execute(f"SELECT {_COLUMNS} FROM batch WHERE number = ?", (number,)).fetchone())

    def page(self, owner: str | None, after: str | None, limit: int) -> BatchPage:
        """The batches of an owner (None: of all), the newest first, after the one with the id ``after``."""
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM batch WHERE (?1 IS NULL OR owner = ?1) "
            "AND (?2 IS NULL OR number < (SELECT number FROM batch WHERE id = ?2)) ORDER BY number DESC LIMIT ?3",
            (owner, after, limit + 1),
        ).fetchall()
        return BatchPage([_batch(row) for row in rows[:limit]], len(rows) > limit)

    def unfinished(self) -> list[StoredBatch]:
        """The batches that have not ended, oldest first."""
        rows = self._database.execute(f"SELECT {_COLUMNS} FROM batch WHERE state IN {UNFINISHED} ORDER BY number")
        return [_batch(row) for row in rows]

    def advance(
        self,
        number: int,
        state: BatchState,
        target: BatchState,
        at_s: float,
        errors: Sequence[Mapping[str, Any]] = (),
    ) -> StoredBatch:
        """Bring a batch that is in ``state`` into ``target``, with the errors that it shows then.

        One that is in another state by now, since it was cancelled, stays there.
        """
        with write_transaction(self._database):
            if self.get(number).state is state:
                self._move(number, target, at_s)
                self._database.execute(
                    "UPDATE batch SET errors = ? WHERE number = ?", (json.dumps(list(errors)), number)
                )
        return self.get(number)

    def cancel(self, number: int, at_s: float, errors: Sequence[Mapping[str, Any]] = ()) -> StoredBatch:
        """Begin to cancel a batch, if it still runs; one that is being finalized or has ended stays as it is."""
        state = self.get(number).state
        if BatchState.CANCELLING not in BATCH_MOVES[state]:
            return self.get(number)
        return self.advance(number, state, BatchState.CANCELLING, at_s, errors)

    def forget_lines(self, number: int) -> None:
        """Remove the lines that an earlier check of the input has noted."""
        with write_transaction(self._database):
            self._database.execute("DELETE FROM line WHERE batch = ?", (number,))
            self._database.execute("UPDATE batch SET total = 0 WHERE number = ?", (number,))

    def add_lines(self, number: int, lines: Sequence[InputLine]) -> None:
        """Note lines of the input, once all before them are noted."""
        with write_transaction(self._database):
            self._database.executemany(
                "INSERT INTO line (batch, number, custom_id, start_bytes, size_bytes) VALUES (?, ?, ?, ?, ?)",
                [(number, *line) for line in lines],
            )
            self._database.execute("UPDATE batch SET total = total + ? WHERE number = ?", (len(lines), number))

    def undone(self, number: int, after: int, limit: int) -> list[InputLine]:
        """The lines without an answer behind line ``after``, as many as may be read at once, at least one if any."""
        rows = self._database.execute(
            "SELECT number, custom_id, start_bytes, size_bytes FROM line "
            "WHERE batch = ? AND number > ? AND NOT done ORDER BY number LIMIT ?",
            (number, after, limit),
        )
        lines: list[InputLine] = []
        read_bytes = 0
        for row in rows:
            line = InputLine(*row)
            read_bytes += line.size_bytes
            if lines and read_bytes > MAX_READ_BYTES:
                break
            lines.append(line)
        return lines

    def record(self, number: int, line: int, text: bytes, is_error: bool) -> None:
        """Keep the answer of a line, unless it has one already."""
        with write_transaction(self._database):
            done = self._database.execute(
                "UPDATE line SET done = 1 WHERE batch = ? AND number = ? AND NOT done", (number, line)
            ).rowcount
            if done:
                self._database.execute("INSERT INTO answer VALUES (?, ?, ?, ?)", (number, line, is_error, text))
                column = "failed" if is_error else "completed"
                self._database.execute(f"UPDATE batch SET {column} = {column} + 1 WHERE number = ?", (number,))

    def answers(self, number: int, is_error: bool, after: int) -> list[KeptAnswer]:
        """The answers behind line ``after`` that are errors, or those that are not: some, at least one if any."""
        rows = self._database.execute(
            "SELECT number, text FROM answer WHERE batch = ? AND number > ? AND is_error = ? ORDER BY number",
            (number, after, is_error),
        )
        answers: list[KeptAnswer] = []
        read_bytes = 0
        for row in rows:
            answers.append(KeptAnswer(*row))
            read_bytes += len(answers[-1].text)
            if read_bytes > MAX_READ_BYTES:
                break
        return answers

    def finish(self, number: int, end: BatchEnd, at_s: float) -> StoredBatch:
        """End a batch, in one transaction with its output files, whose contents are written; once only."""
        with write_transaction(self._database):
            if not self.get(number).state.ended:
                self._finish(number, end, at_s)
        return self.get(number)

    def remove_old(self, before_s: float) -> None:
        """Remove the batches that have ended and were created before."""
        with write_transaction(self._database):
            self._database.execute(
                f"DELETE FROM batch WHERE created_s < ? AND expires_s < ? AND state NOT IN {UNFINISHED}",
                (before_s, before_s),
            )

    def _finish(self, number: int, end: BatchEnd, at_s: float) -> None:
        self._move(number, end.state, at_s)
        for column, file in (("output_file_id", end.output), ("error_file_id", end.error)):
            if file is not None:
                self._files.insert(file)
                self._database.execute(f"UPDATE batch SET {column} = ? WHERE number = ?", (file.file_id, number))
        self._database.execute("UPDATE batch SET failed = failed + ? WHERE number = ?", (end.not_run, number))
        self._database.execute("DELETE FROM line WHERE batch = ?", (number,))
        self._database.execute("DELETE FROM answer WHERE batch = ?", (number,))

    def _move(self, number: int, state: BatchState, at_s: float) -> None:
        batch = self.get(number)
        move(BATCH_MOVES, batch.state, state, batch.batch_id)
        times = json.dumps({**batch.moved_at_s, state.value: int(at_s)})
        self._database.execute("UPDATE batch SET state = ?, times = ? WHERE number = ?", (state.value, times, number))

    def _count(self, owner: str) -> int:
        query = f"SELECT count(*) FROM batch WHERE owner = ? AND state IN {UNFINISHED}"
        count: int = self._database.execute(query, (owner,)).fetchone()[0]
        return count


def _batch(row: Sequence[Any]) -> StoredBatch:
    values = dict(zip(_COLUMNS.split(", "), row, strict=True))
    return StoredBatch(
        number=values["number"],
        batch_id=values["id"],
        owner=values["owner"],
        key_id=values["key_id"],
        network=values["network"],
        endpoint=values["endpoint"],
        input_file_id=values["input_file_id"],
        completion_window=values["completion_window"],
        metadata=json.loads(values["metadata"]),
        output_keep_s=values["output_keep_s"],
        state=BatchState(values["state"]),
        created_at_s=values["created_s"],
        expires_at_s=values["expires_s"],
        moved_at_s=json.loads(values["times"]),
        errors=json.loads(values["errors"]),
        total=values["total"],
        completed=values["completed"],
        failed=values["failed"],
        output_file_id=values["output_file_id"],
        error_file_id=values["error_file_id"],
    )
