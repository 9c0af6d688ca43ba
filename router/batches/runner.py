"""Runs all batches that have not ended, those of earlier runs of the router too."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from router.batches.records import StoredBatch
from router.batches.run import REVOKED, BatchRun
from router.batches.store import BatchStore
from router.batches.tools import BatchTools
from router.files.keeper import FilesUnavailable

TICK_S = 1.0
"""Time between two looks for batches whose time is over, or whose keys were revoked."""
FORGET_INTERVAL_S = 3600.0
RESTART_S = 10.0
"""Pause of a batch that an error has interrupted."""

log = logging.getLogger("nexa.batches")


class BatchRunner:
    """One task for each batch. A batch is on the disk at any time: whatever ends the router, the next one goes on."""

    def __init__(self, tools: BatchTools) -> None:
        self._tools = tools
        self._runs: dict[int, BatchRun] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._look = asyncio.Event()
        self._forgot_at_s = 0.0

    @property
    def batches(self) -> int:
        """Batches that have not ended."""
        return len(self._runs)

    @property
    def running_lines(self) -> int:
        """Lines that run now."""
        return sum(run.running for run in self._runs.values())

    @property
    def waiting_lines(self) -> int:
        """Lines without an answer that do not run."""
        return sum(run.waiting for run in self._runs.values())

    async def run(self) -> None:
        """Run batches until cancelled; those that are stored begin as soon as the files are open."""
        try:
            await self._tools.keeper.opened.wait()
            for batch in await self._tools.rows.insist(BatchStore.unfinished):
                self.add(batch)
            while True:
                try:
                    await self._check()
                    await self._forget_old()
                except Exception:
                    log.exception("check of batches failed")
                self._look.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TICK_S):
                        await self._look.wait()
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def add(self, batch: StoredBatch) -> None:
        """Begin with a batch, or go on with it."""
        if batch.number not in self._runs and not batch.state.ended:
            self._runs[batch.number] = BatchRun(batch, self._tools)
            task = self._tasks[batch.number] = asyncio.ensure_future(self._drive(batch.number))
            task.add_done_callback(lambda _: self._forget(batch.number))

    async def cancel(self, batch: StoredBatch) -> StoredBatch:
        """Begin to cancel a batch, if it still runs; returns it as it is then.

        Raises:
            FilesUnavailable: the disk fails.
        """
        cancelled = await self._tools.rows.run(BatchStore.cancel, batch.number, self._tools.now_s())
        self._stop(cancelled)
        return cancelled

    def look(self) -> None:
        """Look now for batches whose time is over, or whose keys were revoked."""
        self._look.set()

    async def _check(self) -> None:
        for run in list(self._runs.values()):
            if self._tools.behalf_of(run.batch) is None:
                with contextlib.suppress(FilesUnavailable):  # then at the next look
                    number, now_s = run.batch.number, self._tools.now_s()
                    self._stop(await self._tools.rows.run(BatchStore.cancel, number, now_s, [REVOKED]))
            elif run.is_late:
                run.stop()

    async def _forget_old(self) -> None:
        """Remove the batches that ended so long ago that their files are gone too, now and then."""
        now_s = self._tools.now_s()
        if now_s >= self._forgot_at_s + FORGET_INTERVAL_S:
            with contextlib.suppress(FilesUnavailable):
                await self._tools.rows.run(BatchStore.remove_old, now_s - self._tools.output_keep_s)
            self._forgot_at_s = now_s

    def _stop(self, batch: StoredBatch) -> None:
        run = self._runs.get(batch.number)
        if run is not None:
            run.stop()

    async def _drive(self, number: int) -> None:
        """Bring a batch to its end, whatever goes wrong on the way."""
        while True:
            try:
                await self._runs[number].drive()
                return
            except FilesUnavailable as error:
                facts = {"batch": self._runs[number].batch.batch_id, "reason": str(error)}
                log.warning("batch interrupted", extra=facts)
            except Exception:
                log.exception("batch interrupted", extra={"batch": self._runs[number].batch.batch_id})
            await asyncio.sleep(RESTART_S)
            batch = await self._tools.rows.insist(BatchStore.get, number)
            self._runs[number] = BatchRun(batch, self._tools)

    def _forget(self, number: int) -> None:
        self._runs.pop(number, None)
        self._tasks.pop(number, None)
