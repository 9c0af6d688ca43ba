"""What a client's connection may cost, and how many of them this process can afford."""

from __future__ import annotations

import resource
import socket
from dataclasses import dataclass, replace

SPARE_FILES = 128
"""Files that the router opens besides its clients' connections: sockets to workers, uploads, pictures."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds on the time and memory that a slow, silent or greedy client takes.

    The head of a request (request line and headers) must arrive within ``header_timeout_s`` of the connection's opening
    or of its own first byte, and has at most ``header_bytes``. While a body arrives, every ``body_timeout_s`` must
    bring ``progress_bytes``; while an answer waits to be read, the client must take that much, or all that is left,
    every ``read_timeout_s``. At most ``connections`` are open at once.
    """

    header_timeout_s: float = 10.0
    header_bytes: int = 64 * 1024
    body_timeout_s: float = 30.0
    read_timeout_s: float = 60.0
    progress_bytes: int = 1024
    connections: int = 10_000


def affordable(limits: ConnectionLimits) -> ConnectionLimits:
    """``limits`` with no more connections than this process may open files, less ``SPARE_FILES``.

    Raises the process's own limit first, as far as it may: the usual soft limit of 1024 is for older programs.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.connections + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return limits
    return replace(limits, connections=max(1, min(limits.connections, soft - SPARE_FILES)))


def drop_stalled(listener: socket.socket, timeout_s: float) -> None:
    """Let the kernel end connections of ``listener`` whose client acknowledges or reads nothing for ``timeout_s``.

    This is for answers too short to fill a write buffer, which :class:`ReaderWatch` does not see. Linux only.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(timeout_s * 1000))
