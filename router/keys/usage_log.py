"""Adds up the usage of finished requests and writes it to the key file."""

from __future__ import annotations

import asyncio
import datetime
import logging

from router.http.request_record import FinishedRequest
from router.keys.database import FILE_ERRORS
from router.keys.usage import GroupBy, Usage, UsageBucket, UsageRow, UsageStore
from router.threads import Lane

log = logging.getLogger("nexa.usage")

WRITE_DELAY_S = 0.2
"""Wait before a write; the usage of all requests that end meanwhile is written together."""
RETRY_DELAY_S = 5.0
"""Wait after a failed write."""
READ_TIMEOUT_S = 10.0
"""Longest wait for sums."""
LAST_WRITE_TIMEOUT_S = 5.0
"""Longest wait for the disk when the server stops."""


class UsageLog:
    """Writes usage in the background: while the disk is full or hangs, requests go on and usage waits in memory.

    A process that dies loses what it has not written, usually the last ``WRITE_DELAY_S``.
    """

    def __init__(self, store: UsageStore) -> None:
        self._store = store
        self._unwritten: dict[UsageBucket, Usage] = {}
        self._writer: asyncio.Task[None] | None = None
        self._write_lock = asyncio.Lock()
        self._thread = Lane("usage", timeout_s=None)  # one thread: only it uses the store

    def finished(self, request: FinishedRequest) -> None:
        """Count a finished request, if it was accepted."""
        record = request.record
        if record.consumed is None or record.model is None:
            return
        bucket = UsageBucket(datetime.datetime.now(datetime.UTC).date(), record.key_name, record.model)
        self._count(bucket, Usage.of(record.consumed))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.ensure_future(self._write_soon())

    async def sums(
        self, by: GroupBy, key: str | None, since: datetime.date | None, until: datetime.date | None
    ) -> list[UsageRow]:
        """The sums of all finished requests; see :meth:`UsageStore.sums`.

        Raises:
            KeyFileError: the file is gone.
            sqlite3.Error: the file cannot be written or read.
            TimeoutError: the disk does not answer.
        """
        async with asyncio.timeout(READ_TIMEOUT_S):
            await self._write()
            return await self._thread.run(self._store.sums, by, key, since, until)

    async def close(self) -> None:
        """Write what is not yet written, and close the file."""
        if self._writer is not None and not self._writer.done():
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        try:
            async with asyncio.timeout(LAST_WRITE_TIMEOUT_S):
                await self._write()
        except FILE_ERRORS:
            log.exception("usage not written and lost: %s", self._unwritten)
        if not self._thread.calls:
            self._store.close()

    def _count(self, bucket: UsageBucket, usage: Usage) -> None:
        self._unwritten.setdefault(bucket, Usage()).add(usage)

    async def _write_soon(self) -> None:
        delay_s = WRITE_DELAY_S
        while self._unwritten:
            await asyncio.sleep(delay_s)
            try:
                await self._write()
            except FILE_ERRORS as error:
                log.error("usage not written, next attempt in %g s: %s", RETRY_DELAY_S, error)
                delay_s = RETRY_DELAY_S

    async def _write(self) -> None:
        # Shielded: when the caller is cancelled, the thread still finishes; the same usage must not be written twice.
        await asyncio.shield(asyncio.ensure_future(self._write_all()))

    async def _write_all(self) -> None:
        async with self._write_lock:
            taken, self._unwritten = self._unwritten, {}
            if not taken:
                return
            try:
                await self._thread.run(self._store.add, taken)
            except FILE_ERRORS:
                for bucket, usage in taken.items():
                    self._count(bucket, usage)
                raise
