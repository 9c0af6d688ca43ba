"""Writes the output and error files of a batch that ends."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import BinaryIO

from router.batches.calls.results import CANCELLED, CANCELLED_CODE, EXPIRED, EXPIRED_CODE, unanswered
from router.batches.records import BatchEnd, StoredBatch
from router.batches.rows import BatchRows
from router.batches.states import BatchState
from router.batches.store import BatchStore
from router.files.contents import new_file_id
from router.files.keeper import FileKeeper, FilesUnavailable
from router.files.store import StoredFile
from router.schemas.files import BATCH_OUTPUT

READ_LINES = 500
"""Lines that were not run, and are read at once."""


class OutputFiles:
    """Writes files that are kept for ``keep_s``, or for less if the batch says so."""

    def __init__(self, keeper: FileKeeper, rows: BatchRows, keep_s: float) -> None:
        self._keeper = keeper
        self._rows = rows
        self._keep_s = keep_s
        self._not_run = 0
        self._written: list[str] = []

    async def write(self, batch: StoredBatch) -> BatchEnd:
        """Write the files of a batch, and return its end.

        Raises:
            FilesUnavailable: the disk fails; nothing is left of the files.
        """
        cancelled = batch.state is BatchState.CANCELLING
        self._not_run = 0
        try:
            output = await self._write(batch, "output", self._answers(batch, is_error=False))
            error = await self._write(batch, "errors", self._errors(batch, cancelled))
        except FilesUnavailable:
            await self._discard()
            raise
        finished = BatchState.EXPIRED if self._not_run else BatchState.COMPLETED
        return BatchEnd(BatchState.CANCELLED if cancelled else finished, output, error, self._not_run)

    async def _answers(self, batch: StoredBatch, is_error: bool) -> AsyncIterator[bytes]:
        """The answers, many lines at a time."""
        after = 0
        while answers := await self._rows.run(BatchStore.answers, batch.number, is_error, after):
            yield b"".join(answer.text + b"\n" for answer in answers)
            after = answers[-1].number

    async def _errors(self, batch: StoredBatch, cancelled: bool) -> AsyncIterator[bytes]:
        """The answers that are errors, then the lines that were not run."""
        async for part in self._answers(batch, is_error=True):
            yield part
        code, message = (CANCELLED_CODE, CANCELLED) if cancelled else (EXPIRED_CODE, EXPIRED)
        after = 0
        while lines := await self._rows.run(BatchStore.undone, batch.number, after, READ_LINES):
            yield b"".join(unanswered(line, code, message) + b"\n" for line in lines)
            after = lines[-1].number
            self._not_run += len(lines)

    async def _discard(self) -> None:
        """Remove what was written in vain; a disk that refuses that too is asked again at the next start."""
        for file_id in self._written:
            with contextlib.suppress(FilesUnavailable):
                await self._keeper.in_background(self._keeper.contents.remove, file_id)

    async def _write(self, batch: StoredBatch, name: str, parts: AsyncIterator[bytes]) -> StoredFile | None:
        """A file of these parts; None without any."""
        file_id = new_file_id()
        self._written.append(file_id)
        content: BinaryIO | None = None
        size_bytes = 0
        on_disk, contents = self._keeper.in_background, self._keeper.contents
        try:
            async for part in parts:
                if content is None:
                    content = await self._keeper.opened_by(on_disk(contents.begin, file_id))
                await on_disk(content.write, part)
                size_bytes += len(part)
            if content is None:
                return None
            await on_disk(contents.settle, file_id, content)
        finally:
            if content is not None:
                self._keeper.let_go(content)
        now_s = int(self._keeper.clock())
        keep_s = int(self._keep_s if batch.output_keep_s is None else min(self._keep_s, batch.output_keep_s))
        return StoredFile(
            file_id=file_id,
            owner=batch.owner,
            name=f"{batch.batch_id}_{name}.jsonl",
            purpose=BATCH_OUTPUT,
            size_bytes=size_bytes,
            created_at_s=now_s,
            expires_at_s=now_s + keep_s,
        )
