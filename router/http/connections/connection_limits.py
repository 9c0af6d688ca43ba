"""Limits on client connections: their time, their memory and their number."""

from __future__ import annotations

import socket
from dataclasses import dataclass

KEEP_ALIVE_PROBE_S = 15
"""How often the kernel asks a silent client whether it is still there."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds on the time and memory that a slow, silent or greedy client can take.

    A request's head (request line and headers) must arrive within ``head_timeout_s`` of its first byte, or of the
    connection's opening. A client that sends a body must send ``min_progress_bytes`` every ``body_timeout_s``; one that
    has an answer to read must read as much, or all of it, every ``read_timeout_s``. What a client still sends of a
    request that is answered already is read for ``linger_timeout_s``, at most ``max_linger_bytes`` of it. When the
    server stops, a client has ``last_close_timeout_s`` to read the end of its answer and, over TLS, to close as well.
    Over TLS, it must shake hands within ``handshake_timeout_s``. ``proxies`` are addresses and networks that
    ``max_per_address`` is not for.
    """

    head_timeout_s: float = 10.0
    max_head_bytes: int = 64 * 1024
    body_timeout_s: float = 30.0
    read_timeout_s: float = 60.0
    min_progress_bytes: int = 1024
    linger_timeout_s: float = 30.0
    max_linger_bytes: int = 1024 * 1024 * 1024
    last_close_timeout_s: float = 5.0
    handshake_timeout_s: float = 5.0
    max_connections: int = 10_000
    max_per_address: int = 512
    proxies: tuple[str, ...] = ()


def notice_vanished_clients(listener: socket.socket, timeout_s: float) -> None:
    """Make the kernel close connections of ``listener`` whose client has vanished or reads nothing for ``timeout_s``.

    This covers answers too short to fill the write buffer that :class:`ReaderWatch` watches, and clients that wait for
    an answer and went away without closing, as on a power cut: the kernel asks those whether they are still there.
    Linux only.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(1, int(timeout_s)))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEP_ALIVE_PROBE_S)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(timeout_s * 1000))
