"""The server's listening socket: opened once by the supervisor, inherited by every router process."""

from __future__ import annotations

import errno
import socket

from shared.addresses import in_url
from shared.listening import BACKLOG, RECEIVE_BUFFER_BYTES


class CannotListen(Exception):
    """The address cannot be listened on; the message is one line."""


def open_listener(host: str, port: int, option: str = "--port:") -> socket.socket:
    """Open a listening TCP socket. ``port`` 0 takes any free port; ``option`` is how errors begin.

    Raises:
        CannotListen: the port is in use or not permitted, or ``host`` is not an address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise CannotListen(f"--host: expected an address of this machine, got {host!r} ({error.strerror})") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)  # connections inherit it
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotListen(_reason(error, host, port, option)) from None
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket, scheme: str = "http") -> str:
    """The server's URL for clients on this machine."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"{scheme}://{in_url(host)}:{port}"


def _reason(error: OSError, host: str, port: int, option: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{option} {port} on {host} is in use by another process; choose another port"
    if error.errno == errno.EACCES:
        return f"{option} this user may not listen on {port}; choose a port from 1024 to 65535"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host: expected an address of this machine, got {host!r}"
    return f"cannot listen on {host} port {port}: {error.strerror}"
