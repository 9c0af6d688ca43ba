"""Resumable streams: they go on without their client, which may come back for the rest."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from starlette.types import Receive, Scope, Send

from router.answers import queue_wait
from router.answers.event_log import EventLog
from router.answers.event_stream import ChunkWriter, EventResponse, TellsReaders, write_events
from router.answers.submission import SubmittedRequest
from router.http.disconnect import ClientGone
from router.http.request_record import HEAD_ONLY
from router.schemas.errors import ApiError

CATCH_UP_S = 5.0
"""Time for a worker to send the events of a stream to a new router again."""


class ResumableStream:
    """A request whose events are written to a log as they come; readers read the log.

    There is one reader at a time. A new one takes over, since a client may come back before its old connection is known
    to be dead. ``timeout_s`` after the last reader has left, or after the end if that is later, the stream is closed,
    and ``on_close`` is called. One in the ``background`` goes on without readers, up to its end, and does not wait for
    slow ones: what they have not read is dropped.
    """

    def __init__(
        self,
        submitted: SubmittedRequest,
        chunks: ChunkWriter,
        limit_bytes: int,
        timeout_s: float,
        on_close: Callable[[], None],
        has_reader: bool = True,
        background: bool = False,
    ) -> None:
        self.submitted = submitted
        self.log = EventLog(limit_bytes)
        self.log.reader_unknown = background or not has_reader
        self.reader: object | None = self if has_reader else None  # stands for the first reader until it attaches
        self.detached_at_s = time.monotonic()
        self.chunks = chunks
        self._background = background
        self._timeout_s = timeout_s
        self._on_close = on_close
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._expect_reader()
        self._pump = asyncio.ensure_future(self._run())

    @property
    def goes_on(self) -> bool:
        """Whether it runs and needs no reader."""
        return self._background and not self.log.ended

    @property
    def fully_sent(self) -> bool:
        """Whether it has ended and all of it was sent to a reader."""
        return self.log.ended and self.log.sent_id == self.log.last_id

    def attach(self, reader: object, after: int) -> None:
        """Make ``reader`` the stream's reader, starting after the event with the id ``after``."""
        self.reader = reader
        self.log.sent_id, self.log.reader_unknown = after, self._background
        self.log.wake()
        if self._timer is not None:
            self._timer.cancel()

    async def catch_up(self, after: int) -> None:
        """Wait until a restored stream has again the event with the id ``after``, for at most ``CATCH_UP_S``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_S):
                while self.log.reader_unknown and not self.log.ended and self.log.last_id < after:
                    await self.log.changed()

    def detach(self, reader: object) -> None:
        """Note that ``reader`` has stopped reading."""
        if not self.log.ended:
            self.submitted.record.detached = True
        if self.reader is reader:
            self.reader = None
            self._expect_reader()

    def close(self) -> None:
        """Stop the request and end its log."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._pump.cancel()
        self._end_request()
        self.submitted.forget_events()
        self.log.end()
        self._on_close()

    def _expect_reader(self) -> None:
        """Restart the timer that closes the stream."""
        if self._timer is not None:
            self._timer.cancel()
        self.detached_at_s = time.monotonic()
        if not self._closed and not self.goes_on:
            self._timer = asyncio.get_running_loop().call_later(self._timeout_s, self.close)

    async def _run(self) -> None:
        closing = await write_events(self.submitted, self.chunks, None, self._write)
        try:
            self._end_request()
        finally:
            self.log.end(closing)
        if self.reader is None:
            self._expect_reader()

    def _end_request(self) -> None:
        self.submitted.close()
        self.submitted.record.end()

    async def _write(self, events: list[str]) -> None:
        self.log.append(events)
        if self.log.full:
            message = f"resumable stream: expected at most {self.log.limit_bytes} unread bytes, got more"
            raise ApiError(503, message, code="stream_log_full")


class ResumableResponse(EventResponse):
    """Sends the events of a resumable stream after the one with the id ``after``.

    If another reader takes over, it ends with an ``error`` event that has no id, so the client's last event id stays
    valid.
    """

    def __init__(self, stream: ResumableStream, after: int = 0) -> None:
        super().__init__(stream.submitted.record.answer_id, stream.chunks.stream_format)
        self._stream = stream
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the rest of the stream."""
        if scope.get(HEAD_ONLY):
            await self.send_head(send)  # takes the stream from no reader
            return
        self._stream.attach(self, self._after)
        await super().__call__(scope, receive, send)

    async def send_events(self) -> bytes:
        """Send the log's events until the stream ends or another reader takes over; before, what it waits for."""
        telling = asyncio.ensure_future(self._tell_wait()) if self._stream.submitted.position() else None
        try:
            return await self._send_log()
        finally:
            if telling is not None:
                telling.cancel()

    async def _tell_wait(self) -> None:
        report = queue_wait.WaitReport(self._stream.submitted, self._stream.chunks.stream_format)
        await asyncio.sleep(queue_wait.START_DELAY_S)
        with contextlib.suppress(ClientGone):
            while self._stream.submitted.position() and not self._stream.log.ended:
                told = report.news()
                if told:
                    await self.put(told.encode())
                await asyncio.sleep(queue_wait.REPORT_INTERVAL_S)

    async def _send_log(self) -> bytes:
        events, position = self._stream.log, self._after
        while self._stream.reader is self:
            try:
                position, data = events.read(position)
            except ApiError as error:
                return self._failure(error)
            if events.ended and position == events.last_id:
                events.sent_id = position
                return data
            if data:
                await self.put(data)
                if self._stream.reader is self:
                    events.sent_id = position
            else:
                await events.changed()
        message = "another connection has taken over this stream, which has one reader at a time"
        return self._failure(ApiError(409, message, code="taken_over"))

    def leave(self) -> None:
        """Detach from the stream, which then waits for another reader."""
        self._stream.detach(self)

    def _failure(self, error: ApiError) -> bytes:
        chunks = self._stream.chunks
        told = chunks.reader_failure(error) if isinstance(chunks, TellsReaders) else chunks.failure(error)
        return "".join(told).encode()
