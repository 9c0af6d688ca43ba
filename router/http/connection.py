"""The HTTP connection as it is guarded against clients that are slow, silent or greedy.

uvicorn's protocol by itself waits for ever: for headers that never end (slowloris), for bodies that trickle, for a
reader that has stopped reading. Here each of those costs bounded memory for a bounded time, then its connection. No
timer runs while a request is worked on or its answer streams, so that open streams cost nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import socket
from dataclasses import dataclass, replace
from enum import Enum, auto
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from router.schemas.errors import ApiError

log = logging.getLogger("nexa.connection")

SPARE_FILES = 128
"""What the router opens besides its clients' connections: sockets to workers, uploads, pictures."""


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """What a connection may cost.

    The head of a request (request line and headers) has ``header_timeout_s`` from its first byte, or from the
    connection's opening, and at most ``header_bytes``. While a body is awaited, and while an answer waits to be read,
    each ``body_timeout_s`` or ``read_timeout_s`` must bring ``progress_bytes``, or what is left. ``connections`` are
    open at once.
    """

    header_timeout_s: float = 10.0
    header_bytes: int = 64 * 1024
    body_timeout_s: float = 30.0
    read_timeout_s: float = 60.0
    progress_bytes: int = 1024
    connections: int = 10_000


class _Phase(Enum):
    """What the client is to send next."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


class GuardedProtocol(HttpToolsProtocol):
    """One connection, within ``limits``."""

    limits = EdgeLimits()

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._phase = _Phase.HEAD
        self._head_bytes = 0
        self._body_bytes = 0
        self._named_bytes = 0
        self._refusal: ApiError | None = None
        self._arrival_timer: asyncio.TimerHandle | None = None
        self._read_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._refuse(ApiError(503, "too many connections are open; close some, or try again later"))
        else:
            self._await_arrival()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_arrival_timer()
        self._stop_read_timer()
        super().connection_lost(exc)

    # What arrives

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._phase is _Phase.BODY:
            self._body_bytes += len(data)
        else:
            self._phase = _Phase.HEAD
            self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._phase is _Phase.HEAD and self._head_bytes > self.limits.header_bytes:
            self._refuse(self._head_too_large())
        elif self._phase is not _Phase.NOTHING and self._arrival_timer is None:
            self._await_arrival()

    def on_message_begin(self) -> None:
        self._phase, self._named_bytes = _Phase.HEAD, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value) + len(": \r\n"))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._stop_arrival_timer()
        self._phase, self._head_bytes, self._body_bytes = _Phase.BODY, 0, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop_arrival_timer()
        self._phase = _Phase.NOTHING
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn answers to what is no HTTP; a callback of ours may have had another reason to stop."""
        self._refuse(self._refusal or ApiError(400, "this is not an HTTP request that can be understood"))

    def _count_head(self, count: int) -> None:
        self._named_bytes += count
        if self._named_bytes > self.limits.header_bytes:
            self._refusal = self._head_too_large()
            raise ValueError("head too large")  # the parser's way to be stopped: it ends in send_400_response

    def _head_too_large(self) -> ApiError:
        return ApiError(
            431, f"the request line and headers are too large; accepted are {self.limits.header_bytes} bytes"
        )

    def _await_arrival(self) -> None:
        if self._phase is _Phase.HEAD:
            self._arrival_timer = self.loop.call_later(self.limits.header_timeout_s, self._head_is_late)
        else:
            self._arrival_timer = self.loop.call_later(self.limits.body_timeout_s, self._check_body, self._body_bytes)

    def _head_is_late(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._await_arrival()  # an answer is on its way; bytes that came meanwhile do not end it
        elif self._head_bytes:
            timeout_s = self.limits.header_timeout_s
            self._refuse(ApiError(408, f"the headers did not arrive within {timeout_s:g} s"))
        else:
            self.transport.close()

    def _check_body(self, before_bytes: int) -> None:
        held_back = self.flow.read_paused or self.cycle.waiting_for_100_continue  # by this server, not by the client
        if held_back or self._body_bytes - before_bytes >= self.limits.progress_bytes:
            self._await_arrival()
            return
        least, timeout_s = self.limits.progress_bytes, self.limits.body_timeout_s
        self._refuse(ApiError(408, f"the body did not arrive: accepted are {least} bytes or more each {timeout_s:g} s"))

    def _stop_arrival_timer(self) -> None:
        if self._arrival_timer is not None:
            self._arrival_timer.cancel()
            self._arrival_timer = None

    def _refuse(self, error: ApiError) -> None:
        """Answer with ``error``, unless an answer has begun, and close the connection."""
        self._stop_arrival_timer()
        cycle = self.cycle
        answering = cycle is not None and cycle.response_started and not cycle.response_complete
        if not answering:
            self.transport.write(_raw_response(error))
        self._note_end(str(error), error.status)
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.close()

    # What is to be read by the client

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        self._stop_read_timer()
        super().resume_writing()

    def _watch_reader(self) -> None:
        before_bytes = self.transport.get_write_buffer_size()
        self._read_timer = self.loop.call_later(self.limits.read_timeout_s, self._check_reader, before_bytes)

    def _check_reader(self, before_bytes: int) -> None:
        if before_bytes - self.transport.get_write_buffer_size() >= self.limits.progress_bytes:
            self._watch_reader()
        else:
            self._note_end("its client has stopped reading")
            self.transport.abort()  # close() would wait for what is never read

    def _note_end(self, reason: str, status: int | None = None) -> None:
        """One line in the log, since there is no request that would leave one."""
        facts = {"user": self.client[0] if self.client else "local", "status": status, "reason": reason}
        log.info("connection ended", extra={name: fact for name, fact in facts.items() if fact is not None})

    def _stop_read_timer(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None


def affordable(limits: EdgeLimits) -> EdgeLimits:
    """The limits with no more connections than this process may have files open, less ``SPARE_FILES``.

    The process is allowed as many files first as it may allow itself: the usual 1024 are for older programs.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.connections + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return limits
    return replace(limits, connections=max(1, min(limits.connections, soft - SPARE_FILES)))


def guarded_protocol(limits: EdgeLimits) -> type[GuardedProtocol]:
    """The protocol with other limits: uvicorn makes its connections from a class."""
    return type("LimitedProtocol", (GuardedProtocol,), {"limits": limits})


def drop_stalled(listener: socket.socket, timeout_s: float) -> None:
    """Let the kernel end connections of ``listener`` whose data nobody acknowledges or reads for so long.

    That is for answers too short to fill a write buffer, which a connection could otherwise hold for ever. Linux only.
    """
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(timeout_s * 1000))


def _raw_response(error: ApiError) -> bytes:
    body = json.dumps(error.body()).encode()
    head = (
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
