"""Accepting connections fast enough for a flood of them."""

from __future__ import annotations

import socket

ACCEPTS_PER_TURN = 32


def with_many_accepts(listener: socket.socket) -> list[socket.socket]:
    """The listening socket, again and again.

    uvloop accepts one connection of each socket per turn of the loop. With one socket, thousands of connections that
    come at once would keep a new client waiting for seconds.
    """
    return [listener, *(listener.dup() for _ in range(ACCEPTS_PER_TURN - 1))]
