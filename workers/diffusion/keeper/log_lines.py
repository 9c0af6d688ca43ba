"""The log of a keeper and of the processes that paint: its lines go to the worker, which writes them."""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import suppress

from shared.wire.codec import Struct
from workers.diffusion.keeper.messages import LogLine
from workers.framing import send, send_bytes


class LineToWorker(logging.Handler):
    """Where this process talks to its worker. Any thread may send; nothing is said to a worker that has gone."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(logging.INFO)
        self._connection = connection
        self._sending = threading.Lock()

    def attach(self) -> None:
        """Make this the only handler of all loggers of this process."""
        root = logging.getLogger()
        root.handlers[:] = [self]
        root.setLevel(logging.INFO)

    def say(self, message: Struct, block: bytes | None = None) -> None:
        """Send a message, and the block of bytes that belongs to it."""
        with self._sending, suppress(OSError):
            send(self._connection, message)
            if block is not None:
                send_bytes(self._connection, block)

    def emit(self, record: logging.LogRecord) -> None:
        """Send a line of the log."""
        self.say(LogLine(record.levelno, sendable(self.format(record))))


def sendable(text: str) -> str:
    """``text`` as valid Unicode: paths in it may not be."""
    return text.encode("utf-8", "replace").decode()
