"""``sys.stderr`` and ``sys.stdout`` of a server's process: nothing that is written there can block it or raise."""

from __future__ import annotations

import atexit
import io
import os
import sys
import threading
from collections.abc import Callable

from shared.logs.writer import LossyWriter

EXIT_TIMEOUT_S = 1.0
"""How long a process that ends waits for its last lines to be written."""

_MAX_PARTIAL_CHARACTERS = 16 * 1024


class LossyStream(io.TextIOBase):
    """A text stream over a :class:`LossyWriter`. It passes on whole lines, and all that it has when it is flushed."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, writer: LossyWriter) -> None:
        self.writer = writer
        self._partial = ""
        self._lock = threading.RLock()  # a signal handler may write too

    def write(self, text: str) -> int:
        """Take ``text``; returns its length."""
        with self._lock:
            lines, end, rest = (self._partial + text).rpartition("\n")
            self._partial = rest
            if end:
                self.writer.write(lines + end)
            if len(rest) > _MAX_PARTIAL_CHARACTERS:
                self.flush()
        return len(text)

    def flush(self) -> None:
        """Pass on a line without its end. This does not wait."""
        with self._lock:
            rest, self._partial = self._partial, ""
            if rest:
                self.writer.write(rest)

    def isatty(self) -> bool:
        """Whether it writes to a terminal."""
        return os.isatty(self.writer.fd)

    def fileno(self) -> int:
        """The descriptor."""
        return self.writer.fd

    def writable(self) -> bool:
        """True."""
        return True


def protect_output(notice: Callable[[int], str], own_pipe: bool = False) -> None:
    """Replace ``sys.stderr``, unless someone else has; with ``own_pipe``, ``sys.stdout`` too, which is the same pipe.

    The arguments are those of :class:`LossyWriter`.
    """
    ensure_stderr()
    if sys.stderr is not sys.__stderr__:
        return
    stream = LossyStream(LossyWriter(2, notice, own_pipe))
    sys.stderr = stream
    if own_pipe:
        sys.stdout = stream
    atexit.register(drain_output)


def drain_output() -> None:
    """Give what is not yet written to stderr a moment. Call it before the process ends without Python's own exit."""
    if isinstance(sys.stderr, LossyStream):
        sys.stderr.flush()
        sys.stderr.writer.drain(EXIT_TIMEOUT_S)


def dropped_lines() -> int:
    """How many lines this process could not write to stderr."""
    return sys.stderr.writer.dropped if isinstance(sys.stderr, LossyStream) else 0


def ensure_stderr() -> None:
    """Open ``/dev/null`` as stderr if that is closed: the next file would get its number, and what is written to it."""
    if sys.stderr is not None:
        return
    fd = os.open(os.devnull, os.O_RDWR)
    if fd == 2:
        os.set_inheritable(fd, True)
    else:
        os.dup2(fd, 2)
        os.close(fd)
    sys.stderr = os.fdopen(2, "w", closefd=False)
