"""Brings one batch from its state to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, BinaryIO

from router.batches.input import InputCheck
from router.batches.lines import BatchLines
from router.batches.output import OutputFiles
from router.batches.records import BatchEnd, StoredBatch
from router.batches.states import BatchState
from router.batches.store import BatchStore
from router.batches.tools import BatchTools

REVOKED = {"code": "key_revoked", "message": "the API key of this batch was revoked", "line": None, "param": None}
_NO_INPUT = {
    "code": "file_not_found",
    "message": "input_file_id: expected a file that is still there, got one that was removed",
    "line": None,
    "param": "input_file_id",
}


class BatchRun:
    """A batch that has not ended. ``batch`` is its row as it was last seen."""

    def __init__(self, batch: StoredBatch, tools: BatchTools) -> None:
        self.batch = batch
        self._tools = tools
        self._stage: asyncio.Task[None] | None = None
        self._stopping = False
        self._lines: BatchLines | None = None

    @property
    def running(self) -> int:
        """Lines that run now."""
        return 0 if self._lines is None else self._lines.running

    @property
    def waiting(self) -> int:
        """Lines that are known, do not run and have no answer."""
        return 0 if self._lines is None else self._lines.waiting

    async def drive(self) -> None:
        """Bring the batch to its end. If that is cancelled or fails, another run goes on from what is stored.

        Raises:
            FilesUnavailable: the disk fails.
        """
        while not self.batch.state.ended:
            match self.batch.state:
                case BatchState.VALIDATING:
                    await self._until_stopped(self._check_in_turn())
                case BatchState.IN_PROGRESS:
                    await self._until_stopped(self._run_lines())
                    await self._advance(BatchState.FINALIZING)
                case _:
                    await self._finish()
            self.batch = await self._tools.rows.insist(BatchStore.get, self.batch.number)

    def stop(self) -> None:
        """Run no more lines: the batch was cancelled, or its time is over. Those that run are given up."""
        if self._stage is not None:
            self._stage.cancel()
        else:
            self._stopping = True  # between two stages

    @property
    def is_late(self) -> bool:
        """Whether lines still run although the batch's time is over."""
        return self.batch.state is BatchState.IN_PROGRESS and self._tools.now_s() >= self.batch.expires_at_s

    async def _until_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work`` until its end, or until :meth:`stop`."""
        if self._stopping:
            self._stopping = False
            work.close()
            return
        stage = self._stage = asyncio.ensure_future(work)
        try:
            await asyncio.wait({stage})
        except asyncio.CancelledError:
            stage.cancel()
            await asyncio.wait({stage})
            raise
        finally:
            self._stage = None
        if not stage.cancelled():
            stage.result()

    async def _check_in_turn(self) -> None:
        async with self._tools.checks:
            await self._check_input()

    async def _check_input(self) -> None:
        batch, rows = self.batch, self._tools.rows
        await rows.run(BatchStore.forget_lines, batch.number)
        content = await self._open_input()
        if content is None:
            await self._advance(BatchState.FAILED, _NO_INPUT)
            return
        check = InputCheck(content, batch.endpoint, self._tools.max_body_bytes, self._tools.max_values)
        try:
            while (lines := await self._tools.keeper.in_background(check.next_lines)) is not None:
                if lines and not check.errors:
                    await rows.run(BatchStore.add_lines, batch.number, lines)
        finally:
            self._tools.keeper.let_go(content)
        if check.errors:
            await rows.run(BatchStore.forget_lines, batch.number)
            await self._advance(BatchState.FAILED, *check.errors)
        else:
            await self._advance(BatchState.IN_PROGRESS)

    async def _run_lines(self) -> None:
        if self.is_late:
            return
        content = await self._open_input()
        if content is None:
            await self._tools.rows.insist(BatchStore.cancel, self.batch.number, self._tools.now_s(), [_NO_INPUT])
            return
        self._lines = BatchLines(self.batch, content, self._tools)
        try:
            await self._lines.run()
        finally:
            self._lines = None
            self._tools.keeper.let_go(content)

    async def _finish(self) -> None:
        """Write the output files, and end the batch. One that was cancelled before its lines were known has none."""
        batch = self.batch
        files = OutputFiles(self._tools.keeper, self._tools.rows, self._tools.output_keep_s)
        if BatchState.IN_PROGRESS in batch.moved_at_s:
            end = await files.write(batch)
        else:
            end = BatchEnd(BatchState.CANCELLED)
        await self._tools.rows.insist(BatchStore.finish, batch.number, end, self._tools.now_s())

    async def _advance(self, target: BatchState, *errors: dict[str, Any]) -> None:
        await self._tools.rows.insist(
            BatchStore.advance, self.batch.number, self.batch.state, target, self._tools.now_s(), errors
        )

    async def _open_input(self) -> BinaryIO | None:
        keeper = self._tools.keeper
        return await keeper.opened_by(keeper.in_background(keeper.contents.open, self.batch.input_file_id))
