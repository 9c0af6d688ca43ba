"""Streams that go on without their client, who may come back for the rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.types import Receive, Scope, Send

from router.answers.event_log import EventLog
from router.answers.event_stream import ChunkWriter, EventResponse, error_event, write_events
from router.answers.submission import SubmittedRequest
from router.schemas.errors import ApiError


class KeptStream:
    """A request whose events are rendered into a log, at the pace of the worker; readers are served from there.

    There is one reader at a time, since a client that comes back may be quicker than the news that its old connection
    is dead: the latest one takes over. For ``timeout_s`` after the last reader has gone, and after the end, the stream
    waits for one; then it is closed, and ``on_close`` called. Whoever makes one must :meth:`close` it.
    """

    def __init__(
        self,
        submitted: SubmittedRequest,
        chunks: ChunkWriter,
        limit_bytes: int,
        timeout_s: float,
        on_close: Callable[[], None],
    ) -> None:
        self.submitted = submitted
        self.log = EventLog(limit_bytes)
        self.reader: object | None = self  # until the first one, which is on its way
        self.detached_at_s = time.monotonic()
        self._chunks = chunks
        self._timeout_s = timeout_s
        self._on_close = on_close
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._expect_reader()
        self._pump = asyncio.ensure_future(self._run())

    @property
    def sent_whole(self) -> bool:
        """Whether it has ended, and a reader was sent its end."""
        return self.log.ended and self.log.sent_id == self.log.last_id

    def attach(self, reader: object, after: int) -> None:
        """A reader takes over, from the event after that one on."""
        self.reader = reader
        self.log.sent_id = after
        self.log.wake()
        if self._timer is not None:
            self._timer.cancel()

    def detach(self, reader: object) -> None:
        """A reader has gone."""
        if not self.log.ended:
            self.submitted.record.detached = True
        if self.reader is reader:
            self.reader = None
            self._expect_reader()

    def close(self) -> None:
        """Stop what still runs and forget the events."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._pump.cancel()
        self._end_request()
        self.log.end()
        self._on_close()

    def _expect_reader(self) -> None:
        """Let the time run for which a reader may come."""
        if self._timer is not None:
            self._timer.cancel()
        self.detached_at_s = time.monotonic()
        if not self._closed:
            self._timer = asyncio.get_running_loop().call_later(self._timeout_s, self.close)

    async def _run(self) -> None:
        closing = await write_events(self.submitted, self._chunks, None, self._write)
        self._end_request()
        self.log.end(closing)
        if self.reader is None:
            self._expect_reader()

    def _end_request(self) -> None:
        self.submitted.close()
        self.submitted.record.end()

    async def _write(self, events: list[str]) -> None:
        self.log.append(events)
        if self.log.full:
            message = f"more than {self.log.limit_bytes} bytes of this stream wait for its reader, which is the limit"
            raise ApiError(503, message, code="stream_log_full")


class KeptEvents(EventResponse):
    """Streams the events of a kept stream that follow the one with the id ``after``, then new ones as they come.

    If another reader takes over, this stream ends with an ``error`` event without an id, so that the client's last id
    stays what it was.
    """

    def __init__(self, stream: KeptStream, after: int = 0) -> None:
        super().__init__(stream.submitted.record.answer_id)
        self._stream = stream
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the rest of the stream."""
        self._stream.attach(self, self._after)
        await super().__call__(scope, receive, send)

    async def send_events(self) -> bytes:
        """Send what the log holds and gets, up to the last piece."""
        events, position = self._stream.log, self._after
        while self._stream.reader is self:
            try:
                position, data = events.read(position)
            except ApiError as error:
                return error_event(error).encode()
            if events.ended and position == events.last_id:
                events.sent_id = position
                return data
            if data:
                await self.put(data)
                if self._stream.reader is self:
                    events.sent_id = position
            else:
                await events.changed()
        message = "another connection reads this job's events now; there is one reader at a time"
        return error_event(ApiError(409, message, code="taken_over")).encode()

    def leave(self) -> None:
        """Let the stream wait for another reader."""
        self._stream.detach(self)
