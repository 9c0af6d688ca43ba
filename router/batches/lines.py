"""Runs the lines of one batch that have no answer yet, several at once."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import BinaryIO, NamedTuple

from router.batches.calls.body import BodyFacts, facts_of
from router.batches.calls.gate import Place
from router.batches.calls.results import LineAnswer, answered
from router.batches.input import read_bodies
from router.batches.records import InputLine, StoredBatch
from router.batches.store import BatchStore
from router.batches.tools import BatchTools
from router.http.request_record import Behalf
from router.schemas.errors import ApiError

READ_AHEAD = 16
"""Lines that are read at once, at most."""
FIRST_PAUSE_S = 1.0
MAX_PAUSE_S = 60.0
"""Pauses of a batch whose lines are refused; they double."""
RETRIED = frozenset({429, 503})
"""A line with such an answer is run again: there was no room for it, or no worker."""


class ReadLine(NamedTuple):
    """A line with its body."""

    line: InputLine
    body: bytes


class BatchLines:
    """The lines of a batch, read from its input file, which stays the caller's."""

    def __init__(self, batch: StoredBatch, content: BinaryIO, tools: BatchTools) -> None:
        self._batch = batch
        self._content = content
        self._tools = tools
        self._running: set[asyncio.Task[None]] = set()
        self._ahead: deque[ReadLine] = deque()
        self._last_read = 0
        self._pause_s = 0.0
        self._paused_until_s = 0.0
        self._failure: BaseException | None = None
        self._left = batch.total - batch.completed - batch.failed

    @property
    def running(self) -> int:
        """Lines that run now."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Lines that have no answer and do not run."""
        return self._left - len(self._running)

    async def run(self) -> None:
        """Run all lines that have no answer. When this is cancelled, those that run are given up.

        Raises:
            FilesUnavailable: the input cannot be read.
        """
        try:
            while (read := await self._next()) is not None:
                await self._begin(read)
        finally:
            running = list(self._running)
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _next(self) -> ReadLine | None:
        """The next line to run; None once all have answers."""
        while True:
            if self._failure is not None:
                raise self._failure
            pause_s = self._paused_until_s - asyncio.get_running_loop().time()
            if pause_s > 0:
                await asyncio.sleep(pause_s)
            elif self._ahead or await self._read():
                return self._ahead.popleft()
            elif self._running:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            elif not self._ahead:  # one may have been put back meanwhile
                return None

    async def _read(self) -> bool:
        """Read more lines; returns whether there are any."""
        lines = await self._tools.rows.run(BatchStore.undone, self._batch.number, self._last_read, READ_AHEAD)
        if not lines:
            return False
        bodies = await self._tools.keeper.in_background(read_bodies, self._content, lines)
        self._ahead.extend(map(ReadLine, lines, bodies))
        self._last_read = lines[-1].number
        return True

    async def _begin(self, read: ReadLine) -> None:
        """Begin a line as soon as it may run."""
        try:
            facts = facts_of(read.body)
        except ApiError as error:
            await self._record(read, LineAnswer.of_error(error, self._request_id(read)))
            return
        behalf = await self._behalf()
        place = self._place(facts, behalf)
        await self._tools.gate.enter(place, behalf.limits.max_running)
        if self._tools.behalf_of(self._batch) is None:
            self._tools.gate.leave(place)
            await self._behalf()
        task = asyncio.ensure_future(self._run_line(read, behalf, place))
        self._running.add(task)
        task.add_done_callback(self._ended)

    async def _behalf(self) -> Behalf:
        """For whom the lines run. A batch whose key was revoked gets no further, until it is cancelled."""
        behalf = self._tools.behalf_of(self._batch)
        if behalf is None:
            await asyncio.Event().wait()
            raise AssertionError("unreachable")
        return behalf

    def _place(self, facts: BodyFacts, behalf: Behalf) -> Place:
        model = self._tools.model_of(self._batch.endpoint, facts.model, behalf.limits)
        return Place(self._batch.owner, self._batch.number, model, facts.jobs)

    async def _run_line(self, read: ReadLine, behalf: Behalf, place: Place) -> None:
        try:
            request_id = self._request_id(read)
            answer = await self._tools.call(self._batch.endpoint, read.body, request_id, behalf)
            if answer.status in RETRIED or self._tools.behalf_of(self._batch) is None:
                self._put_back(read, answer)
            else:
                self._pause_s = 0.0
                await self._record(read, answer)
        finally:
            self._tools.gate.leave(place)

    def _put_back(self, read: ReadLine, answer: LineAnswer) -> None:
        """Let a line be run again, after a pause of the whole batch."""
        self._ahead.appendleft(read)
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._paused_until_s:
            self._pause_s = min(max(FIRST_PAUSE_S, 2 * self._pause_s), MAX_PAUSE_S)
            wished_s = min(answer.retry_after_s or 0.0, MAX_PAUSE_S)
            self._paused_until_s = now_s + max(self._pause_s, wished_s)

    async def _record(self, read: ReadLine, answer: LineAnswer) -> None:
        text = answered(read.line, answer)
        await self._tools.rows.insist(BatchStore.record, self._batch.number, read.line.number, text, answer.is_error)
        self._left -= 1

    def _request_id(self, read: ReadLine) -> str:
        return f"{self._batch.batch_id}-{read.line.number}"

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
