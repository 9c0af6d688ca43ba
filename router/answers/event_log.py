"""The numbered events of one stream, kept within a size limit for readers that come back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from router.schemas.errors import ApiError

READ_BYTES = 64 * 1024
"""A read ends with the first event that reaches this size."""


class EventLog:
    """Holds the newest events, about ``limit_bytes`` of them.

    ``first_id`` is the oldest event, ``sent_id`` the last one that was sent to the current reader. Beyond the limit the
    oldest events are dropped, but never unsent ones: the writer must check whether the log is :attr:`full`. While
    nobody knows what its reader has (``reader_unknown``), all events count as sent.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self.ended = False
        self.sent_id = 0
        self.reader_unknown = False
        self._events: list[bytes] = []
        self.first_id = 1
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def last_id(self) -> int:
        """The id of the newest event; 0 if there is none."""
        return self.first_id + len(self._events) - 1

    @property
    def full(self) -> bool:
        """Whether the log exceeds its limit even without its newest event, which alone may be larger (a picture)."""
        return self.held_bytes > self.limit_bytes + len(self._events[-1]) if self._events else False

    def append(self, events: Sequence[str]) -> None:
        """Add events and number them."""
        for event in events:
            data = f"id: {self.last_id + 1}\n{event}".encode()
            self._events.append(data)
            self.held_bytes += len(data)
        if self.held_bytes > self.limit_bytes:
            self._drop_sent()
        self.wake()

    def end(self, events: Sequence[str] = ()) -> None:
        """Add the last events, and mark the log as complete."""
        self.ended = True
        self.append(events)

    def check(self, after: int) -> None:
        """Check that the events after the one with the id ``after`` can be read.

        Raises:
            ApiError: 400, there is no such event yet; 410, some of the events after it were dropped.
        """
        if after > self.last_id:
            message = f"Last-Event-ID: expected at most {self.last_id}, the last event, got {after}"
            raise ApiError(400, message, "Last-Event-ID")
        if after < self.first_id - 1:
            message = (
                f"Last-Event-ID: expected at least {self.first_id - 1}, since older events were dropped, got {after}"
            )
            raise ApiError(410, message, "Last-Event-ID", "events_dropped")

    def read(self, after: int) -> tuple[int, bytes]:
        """The next events after ``after``, preceded by the id of the last of them; empty if there are none yet.

        Raises:
            ApiError: as :meth:`check`.
        """
        self.check(after)
        taken: list[bytes] = []
        taken_bytes = 0
        at = after - self.first_id + 1
        while at < len(self._events) and taken_bytes < READ_BYTES:
            taken.append(self._events[at])
            taken_bytes += len(self._events[at])
            at += 1
        return after + len(taken), b"".join(taken)

    async def changed(self) -> None:
        """Wait until the log grows or ends, or :meth:`wake` is called."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await waiter
        finally:
            self._waiting.discard(waiter)

    def wake(self) -> None:
        """Resume all waiters of :meth:`changed`."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._waiting.clear()

    def _drop_sent(self) -> None:
        """Drop sent events down to three quarters of the limit, so that this is rarely needed."""
        count, sent_id = 0, self.last_id if self.reader_unknown else self.sent_id
        while self.held_bytes > self.limit_bytes * 3 // 4 and self.first_id + count <= sent_id:
            self.held_bytes -= len(self._events[count])
            count += 1
        del self._events[:count]
        self.first_id += count
