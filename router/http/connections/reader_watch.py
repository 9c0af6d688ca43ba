"""Notices clients that have stopped reading their answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class ReaderWatch:
    """Calls ``on_stalled`` when a client reads less than ``min_progress_bytes`` of the write buffer in ``timeout_s``.

    It watches only while the buffer is full: a stream that is read in time needs no timer.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        timeout_s: float,
        min_progress_bytes: int,
        on_stalled: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._timeout_s = timeout_s
        self._min_progress_bytes = min_progress_bytes
        self._on_stalled = on_stalled
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start watching: the write buffer is full."""
        unread_bytes = self._transport.get_write_buffer_size()
        self._timer = self._loop.call_later(self._timeout_s, self._check, unread_bytes)

    def stop(self) -> None:
        """Stop watching: the write buffer has room again, or the connection has ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self, earlier_unread_bytes: int) -> None:
        if earlier_unread_bytes - self._transport.get_write_buffer_size() >= self._min_progress_bytes:
            self.start()
        else:
            self._on_stalled()
