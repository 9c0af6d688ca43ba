"""Sockets that are closed when their test is over."""

from __future__ import annotations

from typing import Any

import zmq

PATIENCE_MS = 20_000
"""Longest wait for a message."""


class KeptSockets(zmq.Context[zmq.Socket[bytes]]):
    """A context that remembers its sockets, so that a test may leave the closing of them to its fixture."""

    made: list[zmq.Socket[bytes]] = []  # declared, since a context takes other attributes for socket options

    def __init__(self) -> None:
        super().__init__()
        self.made = []

    def socket(self, *arguments: Any, **keywords: Any) -> zmq.Socket[bytes]:
        sock: zmq.Socket[bytes] = super().socket(*arguments, **keywords)
        self.made.append(sock)
        return sock
