"""Writes log lines to a descriptor whose reader may be slow, stopped or gone: lines can be lost, the service cannot."""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

MAX_WAITING_BYTES = 1024 * 1024
"""What waits to be written, beyond which further lines are dropped. One alone may be larger."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Bytes to write, and how many lines are lost if that fails. The lines of a ``notice`` are counted already."""

    data: bytes
    lines: int
    notice: bool = False


class LossyWriter:
    """Writes in order, without ever waiting for the reader or raising. Lines that do not fit are dropped and counted.

    Once writing works again, one line says how many were dropped. The thread that writes starts when it is needed.

    Args:
        fd: where to write.
        notice: the line that reports a number of dropped lines, with its line end.
        own_pipe: ``fd`` is a pipe of which no other process has this end: it is made non-blocking, and what fits into
            it is written at once, so that a crash loses nothing. Otherwise the thread writes everything, because a
            flag of a terminal would be the shell's too.
    """

    def __init__(self, fd: int, notice: Callable[[int], str], own_pipe: bool = False) -> None:
        self.fd = fd
        self._notice = notice
        self._at_once = own_pipe
        self._changed = threading.Condition()
        self._queue: deque[_Waiting] = deque()
        self._queued_bytes = 0
        self._unreported = 0
        self._writing = False
        self._thread: threading.Thread | None = None
        self.dropped = 0
        if own_pipe:
            os.set_blocking(fd, False)

    def write(self, text: str) -> None:
        """Write ``text`` as soon as possible, or drop it."""
        data = text.encode(errors="backslashreplace")
        with self._changed:
            if self._at_once and not self._queue and not self._writing and not self._unreported:
                data = self._write_what_fits(data)
            if not data:
                return
            if self._queued_bytes and self._queued_bytes + len(data) > MAX_WAITING_BYTES:
                self._drop(_lines(data))
                return
            self._report_losses()
            self._enqueue(_Waiting(data, _lines(data)))

    def drain(self, timeout_s: float) -> bool:
        """Wait until everything is written or dropped. Returns False if that takes longer than ``timeout_s``."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and not self._writing, timeout_s)

    def _write_what_fits(self, data: bytes) -> bytes:
        """Write to the own pipe; returns the rest, for which it has no room now."""
        try:
            return data[os.write(self.fd, data) :]
        except BlockingIOError:
            return data
        except OSError:
            self._drop(_lines(data))
            return b""

    def _drop(self, lines: int) -> None:
        self.dropped += lines
        self._unreported += lines

    def _report_losses(self) -> None:
        """Put the notice of earlier losses into the queue."""
        if self._unreported:
            lost, self._unreported = self._unreported, 0
            self._enqueue(_Waiting(self._notice(lost).encode(errors="backslashreplace"), lost, notice=True))

    def _enqueue(self, waiting: _Waiting) -> None:
        self._queue.append(waiting)
        self._queued_bytes += len(waiting.data)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log", daemon=True)  # an exit does not wait for it
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue)
                waiting = self._queue.popleft()
                self._writing = True
            written = self._write_all(waiting.data)
            with self._changed:
                self._writing = False
                self._queued_bytes -= len(waiting.data)
                if written and not self._queue:
                    self._report_losses()
                elif not written:
                    self.dropped += 0 if waiting.notice else waiting.lines
                    self._unreported += waiting.lines
                self._changed.notify_all()

    def _write_all(self, data: bytes) -> bool:
        """Write all of ``data``, however long that takes. Returns False if it cannot be written."""
        while data:
            try:
                data = data[os.write(self.fd, data) :]
            except BlockingIOError:
                _wait_for_room(self.fd)
            except OSError:  # the reader is gone, the disk is full
                return False
        return True


def _wait_for_room(fd: int) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    with contextlib.suppress(OSError):  # the next write tells
        poll.poll()


def _lines(data: bytes) -> int:
    return max(data.count(b"\n"), 1)
