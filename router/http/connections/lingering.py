"""Closing a connection while its client still sends.

If a socket is closed with data unread, the kernel resets the connection, and the client often loses the answer: Node's
fetch and Python's http.client send the whole body first. So the answer is sent, then the rest is read and dropped,
within bounds. nginx and Apache do the same (``lingering_close``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

PAUSE_S = 0.005
"""Wait between two reads of what is dropped. Without it the loop reads up to 2 MiB of each connection in one turn, and
hundreds of refused uploads would keep everybody else waiting for seconds."""


class LingeringTransport(asyncio.Transport):
    """A transport of which :meth:`close` first reads on, while ``is_sending()`` says that the client still sends.

    It reads at most ``max_bytes`` for at most ``timeout_s``, then calls ``on_bound`` and closes in any case. A second
    call of :meth:`close` closes at once. The protocol passes what it receives to :meth:`count_unwanted`, and drops it
    while ``lingering``.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        is_sending: Callable[[], bool],
        timeout_s: float,
        max_bytes: int,
        on_bound: Callable[[], None],
    ) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._is_sending = is_sending
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._on_bound = on_bound
        self._left_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._close_timeout_s: float | None = None
        self.lingering = False

    def close(self) -> None:
        """Close, after what the client still sends."""
        if self.is_closing() or not self._is_sending():
            self.finish()
            return
        self.lingering = True
        self.bound_unwanted()
        self._transport.resume_reading()
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def bound_unwanted(self) -> None:
        """Close once the client has sent ``max_bytes`` from now on, or after ``timeout_s``, unless stopped before."""
        self.stop()
        self._left_bytes = self._max_bytes
        self._timer = self._loop.call_later(self._timeout_s, self._reach_bound)

    def count_unwanted(self, data: bytes) -> None:
        """Count received bytes, if they are bounded."""
        if self._timer is not None:
            self._left_bytes -= len(data)
            if self._left_bytes < 0:
                self._reach_bound()
            elif self.lingering:
                self._transport.pause_reading()
                self._loop.call_later(PAUSE_S, self._read_on)

    def _read_on(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _reach_bound(self) -> None:
        self._on_bound()
        self.finish()

    def finish(self) -> None:
        """Close now; what has been written is still sent."""
        self.stop()
        self._transport.close()
        if self._close_timeout_s is not None:
            self._loop.call_later(self._close_timeout_s, self._transport.abort)

    def hurry(self, close_timeout_s: float) -> None:
        """Linger no longer, and from now on wait only so long for the client when closing.

        Over TLS a client must answer that it closes too, and one whose connection is idle often does not.
        """
        self._close_timeout_s = close_timeout_s
        if self.is_closing():
            self.finish()

    def stop(self) -> None:
        """Stop bounding: nothing unwanted will follow."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def abort(self) -> None:
        """Close now, without sending what has been written."""
        self.stop()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether the connection is closed, or will be."""
        return self.lingering or self._transport.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write to the client."""
        self._transport.write(data)

    def get_write_buffer_size(self) -> int:
        """The number of bytes written and not yet sent."""
        return self._transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        """Stop reading, except while lingering."""
        if not self.lingering:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Facts of the socket, such as ``peername``."""
        return self._transport.get_extra_info(name, default)
