"""Event streams as a strict client reads them, over connections that can be cut."""

from __future__ import annotations

import http.client
import json
import socket
import struct
from collections.abc import Mapping
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from router.client.events import EventReader, StreamEvent

CUT = struct.pack("ii", 1, 0)
"""SO_LINGER's value for a connection that is reset when it is closed: what is under way is lost."""


def events_in(text: str) -> list[StreamEvent]:
    """The events of a text that are whole. Comments are none: lines of their own before an event, or at the end."""
    for block in text.split("\n\n")[:-1]:
        names = [line.partition(": ")[0] for line in block.split("\n") if not line.startswith(":")]
        assert len(names) == len(set(names)), block
        assert {"data"} <= set(names) <= {"id", "event", "data"}, block
    return [part for part in EventReader().read(text.encode()) if isinstance(part, StreamEvent)]


def chunks_in(text: str) -> list[Any]:
    """The objects of a stream that ends well and cannot be resumed: its events have no ids."""
    events = _events_to_the_end(text)
    assert {event.id for event in events} == {None}
    return [event.json for event in events[:-1]]


def resumable_chunks_in(text: str) -> list[Any]:
    """The objects of a resumable stream that ends well, with all its ids."""
    events = _events_to_the_end(text)
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    return [event.json for event in events[:-1]]


def _events_to_the_end(text: str) -> list[StreamEvent]:
    events = events_in(text)
    assert text.endswith("\n\n")
    assert events[-1].data == "[DONE]"
    return events


class Connection:
    """A request on a connection of its own, whose answer has begun.

    ``status`` and ``headers`` are the answer's, ``text`` is what of its body has arrived.
    """

    def __init__(
        self,
        url: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        source: str = "127.0.0.1",
        receive_bytes: int = 0,
    ) -> None:
        address = urlsplit(url)
        self._socket = socket.socket()
        if receive_bytes:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self._socket.settimeout(30)
        self._socket.bind((source, 0))
        self._socket.connect((address.hostname, address.port))
        data = b"" if body is None else json.dumps(body).encode()
        fields = {
            "Host": address.netloc,
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            **(headers or {}),
        }
        method = "GET" if body is None else "POST"
        head = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        self._socket.sendall("\r\n".join(head).encode() + data)
        self._response = http.client.HTTPResponse(self._socket, method=method)
        self._response.begin()
        self.status = self._response.status
        self.headers = self._response.headers
        self._arrived = b""
        self._is_cut = False

    @property
    def text(self) -> str:
        """What of the body has arrived; half a character at its end does not count."""
        return self._arrived.decode("utf-8", "ignore")

    def read_events(self, count: int) -> list[StreamEvent]:
        """Read until so many events are here, or the stream ends; returns no more than these."""
        while len(events_in(self.text)) < count and self._read():
            pass
        return events_in(self.text)[:count]

    def read_some(self) -> str:
        """Read what comes next; returns all of the body so far."""
        self._read()
        return self.text

    def read_to_end(self) -> str:
        """Read until the server ends the answer; returns its body."""
        while self._read():
            pass
        return self.text

    def cut(self) -> None:
        """Drop the connection, as a network does."""
        if self._is_cut:
            return
        self._is_cut = True
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CUT)
        self._response.close()
        self._socket.close()

    def _read(self) -> bool:
        piece = self._response.read1(65536)
        self._arrived += piece
        return bool(piece)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.cut()
