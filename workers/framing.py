"""Messages between a worker and the processes that it starts, over a stream socket: each after its length."""

from __future__ import annotations

import socket
from typing import TypeVar

from shared.wire.codec import Decoder, Struct, encode

LENGTH_BYTES = 4
"""Before each message and each block of bytes: its length."""

M = TypeVar("M")


def send(connection: socket.socket, message: Struct) -> None:
    """Send a message.

    Raises:
        OSError: the other end has gone.
    """
    connection.sendall(framed(message))


def framed(message: Struct) -> bytes:
    """A message as it is sent."""
    data = encode(message)
    return len(data).to_bytes(LENGTH_BYTES, "little") + data


def receive(connection: socket.socket, decoder: Decoder[M]) -> M | None:
    """The next message; None at the end of the connection.

    Raises:
        WireError: not a message that is expected here.
        OSError: the other end has gone.
    """
    data = receive_bytes(connection)
    return None if data is None else decoder.decode(data)


def send_bytes(connection: socket.socket, data: bytes) -> None:
    """Send a block of up to 4 GiB, such as the pixels of a picture.

    Raises:
        OSError: the other end has gone.
    """
    connection.sendall(len(data).to_bytes(LENGTH_BYTES, "little"))
    connection.sendall(data)


def receive_bytes(connection: socket.socket) -> bytes | None:
    """The next block or message as bytes; None at the end of the connection.

    Raises:
        OSError: the other end has gone.
    """
    header = _read(connection, LENGTH_BYTES)
    return None if header is None else _read(connection, int.from_bytes(header, "little"))


def _read(connection: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        part = connection.recv(min(size - len(data), 1 << 20))
        if not part:
            return None
        data += part
    return bytes(data)
