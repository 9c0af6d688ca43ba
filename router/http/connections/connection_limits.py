"""Limits on client connections: their time, their memory and their number."""

from __future__ import annotations

import resource
import socket
from dataclasses import dataclass, replace

SPARE_FILES = 128
"""File descriptors kept free for everything but client connections: worker sockets, uploads, pictures."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds on the time and memory that a slow, silent or greedy client can take.

    A request's head (request line and headers) must arrive within ``head_timeout_s`` of its first byte, or of the
    connection's opening. A client that sends a body must send ``min_progress_bytes`` every ``body_timeout_s``; one that
    has an answer to read must read as much, or all of it, every ``read_timeout_s``. What a client still sends of a
    request that is answered already is read for ``linger_timeout_s``, at most ``max_linger_bytes`` of it. When the
    server stops, a client has ``last_close_timeout_s`` to read the end of its answer and, over TLS, to close as well.
    """

    head_timeout_s: float = 10.0
    max_head_bytes: int = 64 * 1024
    body_timeout_s: float = 30.0
    read_timeout_s: float = 60.0
    min_progress_bytes: int = 1024
    linger_timeout_s: float = 30.0
    max_linger_bytes: int = 1024 * 1024 * 1024
    last_close_timeout_s: float = 5.0
    max_connections: int = 10_000


def within_file_limit(limits: ConnectionLimits) -> ConnectionLimits:
    """``limits`` with ``max_connections`` lowered, if need be, to the files this process may open less ``SPARE_FILES``.

    Before that, raises the process's soft limit towards the hard one: the usual 1024 is meant for programs that use
    ``select``.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.max_connections + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return limits
    return replace(limits, max_connections=max(1, min(limits.max_connections, soft - SPARE_FILES)))


def set_tcp_user_timeout(listener: socket.socket, timeout_s: float) -> None:
    """Make the kernel close connections of ``listener`` whose client acknowledges or reads nothing for ``timeout_s``.

    This covers answers too short to fill the write buffer that :class:`ReaderWatch` watches. Linux only.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(timeout_s * 1000))
