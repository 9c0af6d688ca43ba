"""Adds up what requests used, and writes it to the key file."""

from __future__ import annotations

import asyncio
import datetime
import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple

from router.http.request_record import FinishedRequest
from router.keys.usage import GroupBy, Usage, UsageOf, UsageRow, UsageStore

log = logging.getLogger("nexa.usage")

GATHER_S = 0.2
"""Usage of requests that end within this time is written together."""
RETRY_S = 5.0


class UsageLog:
    """Writes usage in the background: a full disk fails no request, and the sums wait until there is room.

    If the process dies, only the usage of the last ``GATHER_S`` is lost.
    """

    def __init__(self, store: UsageStore) -> None:
        self._store = store
        self._unwritten: dict[UsageOf, Usage] = {}
        self._writer: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "usage")  # one thread: only it uses the store

    def finished(self, request: FinishedRequest) -> None:
        """Count a finished request, if it was accepted."""
        record = request.record
        if record.consumed is None or record.model is None:
            return
        of = UsageOf(datetime.datetime.now(datetime.UTC).date(), record.key_name, record.model)
        self._count(of, Usage(1, *astuple(record.consumed)))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.ensure_future(self._write_soon())

    async def sums(
        self, by: GroupBy, key: str | None, since: datetime.date | None, until: datetime.date | None
    ) -> list[UsageRow]:
        """The sums of all finished requests; see :meth:`UsageStore.sums`.

        Raises:
            sqlite3.Error: the file cannot be written or read.
        """
        await self._write()
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._store.sums, by, key, since, until)

    async def close(self) -> None:
        """Write what is pending, and close the file."""
        if self._writer is not None and not self._writer.done():
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        try:
            await self._write()
        except sqlite3.Error:
            log.exception("usage not written and lost: %s", self._unwritten)
        self._thread.shutdown()
        self._store.close()

    def _count(self, of: UsageOf, usage: Usage) -> None:
        self._unwritten.setdefault(of, Usage()).add(usage)

    async def _write_soon(self) -> None:
        wait_s = GATHER_S
        while self._unwritten:
            await asyncio.sleep(wait_s)
            try:
                await self._write()
            except sqlite3.Error as error:
                log.error("usage not written, next attempt in %g s: %s", RETRY_S, error)
                wait_s = RETRY_S

    async def _write(self) -> None:
        # Shielded: the thread goes on when its waiter is cancelled, and must not write the same usage again.
        await asyncio.shield(asyncio.ensure_future(self._write_all()))

    async def _write_all(self) -> None:
        async with self._turn:
            taken, self._unwritten = self._unwritten, {}
            if not taken:
                return
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._store.add, taken)
            except sqlite3.Error:
                for of, usage in taken.items():
                    self._count(of, usage)
                raise
