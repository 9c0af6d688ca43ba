"""Adds up the usage of finished requests and writes it to the key file."""

from __future__ import annotations

import asyncio
import datetime
import logging
import time

from router.http.request_record import FinishedRequest
from router.keys.database import FILE_ERRORS
from router.keys.day_tokens import DayTokens
from router.keys.usage import GroupBy, Usage, UsageBucket, UsageRow, UsageStore
from router.threads import Lane

log = logging.getLogger("nexa.usage")

WRITE_DELAY_S = 0.2
"""Wait before a write; the usage of all requests that end meanwhile is written together."""
RETRY_DELAY_S = 5.0
"""Wait after a failed write."""
LOOK_INTERVAL_S = 1.0
"""Least time between two looks for what other servers have added."""
READ_TIMEOUT_S = 10.0
"""Longest wait for sums."""
LAST_WRITE_TIMEOUT_S = 5.0
"""Longest wait for the disk when the server stops."""


class UsageLog:
    """Writes usage in the background: while the disk is full or hangs, requests go on and usage waits in memory.

    A process that dies loses what it has not written, usually the last ``WRITE_DELAY_S``.

    ``tokens`` are those of today, for keys that have a limit of them. While there are such requests, the file is read
    again and again, since other servers may write to it too.

    Raises:
        KeyFileError: the file is gone.
        sqlite3.Error: the file cannot be read.
    """

    def __init__(self, store: UsageStore) -> None:
        self.tokens = DayTokens()
        self.tokens.found(self.tokens.day, store.tokens_on(self.tokens.day))
        self.tokens.on_asked = self._look_soon
        self._store = store
        self._look: asyncio.Task[None] | None = None
        self._looked_at_s = time.monotonic()
        self._unwritten: dict[UsageBucket, Usage] = {}
        self._writer: asyncio.Task[None] | None = None
        self._write_lock = asyncio.Lock()
        self._thread = Lane("usage", timeout_s=None)  # one thread: only it uses the store

    def finished(self, request: FinishedRequest) -> None:
        """Count a finished request, if it was accepted."""
        record = request.record
        self.tokens.ended(record)
        if record.consumed is None or record.model is None:
            return
        bucket = UsageBucket(self.tokens.day, record.key_name, record.model)
        usage = Usage.of(record.consumed)
        self.tokens.finished(bucket, usage)
        self._count(bucket, usage)
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
        tasks = [task for task in (self._writer, self._look) if task is not None and not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
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
                self.tokens.wrote(taken)
            except FILE_ERRORS:
                for bucket, usage in taken.items():
                    self._count(bucket, usage)
                raise

    def _look_soon(self) -> None:
        """Read the tokens of today again, unless that was done a moment ago."""
        waits = self._look is not None and not self._look.done()
        if not waits and time.monotonic() - self._looked_at_s >= LOOK_INTERVAL_S:
            self._looked_at_s = time.monotonic()
            self._look = asyncio.create_task(self._look_now())

    async def _look_now(self) -> None:
        try:
            async with self._write_lock:  # so that what was written is in what is read
                day = self.tokens.day
                self.tokens.found(day, await self._thread.run(self._store.tokens_on, day))
        except FILE_ERRORS as error:
            log.warning("usage of today not read", extra={"reason": str(error)})
