"""HTTP connections guarded against clients that are slow, silent or greedy.

uvicorn's own protocol waits forever for headers that never end (slowloris), for bodies that trickle in and for readers
that have stopped. Here each of these can hold only so much memory for so long, then the connection is closed. No timer
runs while a request is being processed or its answer is being read, so open streams cost nothing.

A request may be answered before its body has arrived, as refusals are. The rest is then read and dropped, within
bounds.

This overrides internals of uvicorn, which is therefore pinned below its next minor version;
``tests/router/http/connections/test_uvicorn_internals.py`` lists them.
"""

from __future__ import annotations

import asyncio
import json
import logging
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, cast

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from router.http.connections.connection_limits import ConnectionLimits
from router.http.connections.lingering import LingeringTransport
from router.http.connections.places import Places
from router.http.connections.reader_watch import ReaderWatch
from router.http.connections.unchunked import Unchunked
from router.http.connections.upgrade_offers import OfferIgnoringParser
from router.schemas.errors import ApiError
from shared.addresses import plain_address

log = logging.getLogger("nexa.connection")


class _Phase(Enum):
    """What the client must send next."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


class GuardedProtocol(HttpToolsProtocol):
    """One connection, within ``limits``."""

    limits = ConnectionLimits()
    places = Places(limits)
    parser: OfferIgnoringParser
    transport: LingeringTransport
    _reader_watch: ReaderWatch

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.parser = OfferIgnoringParser(self)
        self._phase = _Phase.HEAD
        self._head_bytes = 0
        self._body_bytes = 0
        self._parsed_head_bytes = 0
        self._refusal: ApiError | None = None
        self._arrival_timer: asyncio.TimerHandle | None = None
        self._place: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # servers of streams have no others
        limits = self.limits
        self._reader_watch = ReaderWatch(
            transport, self.loop, limits.read_timeout_s, limits.min_progress_bytes, self._drop_stalled_reader
        )
        super().connection_made(
            LingeringTransport(
                transport,
                self.loop,
                self._is_sending,
                limits.linger_timeout_s,
                limits.max_linger_bytes,
                self._log_endless_body,
            )
        )
        refusal = self.take_place(self.client[0] if self.client else "") if self._place is None else None
        if refusal is not None:
            self._refuse(refusal)
        else:
            self._start_arrival_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self.free_place()
        self._stop_arrival_timer()
        self._reader_watch.stop()
        self.transport.stop()
        super().connection_lost(exc)

    def take_place(self, address: str) -> ApiError | None:
        """Take a place before the connection is made; returns why there is none."""
        refusal = self.places.take(address)
        if refusal is None:
            self._place = address
        return refusal

    def free_place(self) -> None:
        """Give back the place, if the connection has one."""
        if self._place is not None:
            self.places.free(self._place)
            self._place = None

    def shutdown(self) -> None:
        super().shutdown()
        self.transport.hurry(self.limits.last_close_timeout_s)

    def data_received(self, data: bytes) -> None:
        self.transport.count_unwanted(data)
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
        if self._phase is _Phase.HEAD and self._head_bytes > self.limits.max_head_bytes:
            self._refuse(self._head_too_large())
        elif self._phase is not _Phase.NOTHING and self._arrival_timer is None:
            self._start_arrival_timer()

    def on_message_begin(self) -> None:
        self._phase, self._parsed_head_bytes = _Phase.HEAD, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value) + len(": \r\n"))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.is_offer():
            return  # the parser calls again
        self._stop_arrival_timer()
        self._phase, self._head_bytes, self._body_bytes = _Phase.BODY, 0, 0
        if self.parser.get_http_version() == "1.0":
            self.expect_100_continue = False  # RFC 9110, 10.1.1
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        if self.parser.is_offer():
            return
        self._stop_arrival_timer()
        self.transport.stop()
        self._phase = _Phase.NOTHING
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._phase is _Phase.BODY and not self.transport.is_closing():
            self.transport.bound_unwanted()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn when the parser stops: the data is not HTTP, or a callback of this class raised."""
        self._refuse(self._refusal or ApiError(400, "expected an HTTP request, got something else"))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if cycle.scope["http_version"] == "1.0":
            app = Unchunked(app, cycle)
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reader_watch.start()

    def resume_writing(self) -> None:
        self._reader_watch.stop()
        super().resume_writing()

    def _is_sending(self) -> bool:
        """Whether a part of a request has arrived, and the rest may follow."""
        return self._phase is _Phase.BODY or (self._phase is _Phase.HEAD and self._head_bytes > 0)

    def _count_head(self, count: int) -> None:
        self._parsed_head_bytes += count
        if self._parsed_head_bytes > self.limits.max_head_bytes:
            self._refusal = self._head_too_large()
            raise ValueError("head too large")  # stops the parser: uvicorn then calls send_400_response

    def _head_too_large(self) -> ApiError:
        max_bytes = self.limits.max_head_bytes
        return ApiError(431, f"headers: expected at most {max_bytes} bytes, request line included, got more")

    def _start_arrival_timer(self) -> None:
        if self._phase is _Phase.HEAD:
            self._arrival_timer = self.loop.call_later(self.limits.head_timeout_s, self._on_head_timeout)
        else:
            self._arrival_timer = self.loop.call_later(
                self.limits.body_timeout_s, self._check_body_progress, self._body_bytes
            )

    def _on_head_timeout(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._start_arrival_timer()  # bytes that arrive during an answer must not end it
        elif self._head_bytes:
            timeout_s = self.limits.head_timeout_s
            self._refuse(ApiError(408, f"headers: expected all within {timeout_s:g} s, got only a part"))
        else:
            self.transport.close()

    def _check_body_progress(self, earlier_bytes: int) -> None:
        paused_by_us = self.flow.read_paused or self.cycle.waiting_for_100_continue
        if paused_by_us or self._body_bytes - earlier_bytes >= self.limits.min_progress_bytes:
            self._start_arrival_timer()
            return
        expected = f"at least {self.limits.min_progress_bytes} bytes every {self.limits.body_timeout_s:g} s"
        self._refuse(ApiError(408, f"body: expected {expected}, got fewer"))

    def _stop_arrival_timer(self) -> None:
        if self._arrival_timer is not None:
            self._arrival_timer.cancel()
            self._arrival_timer = None

    def _refuse(self, error: ApiError) -> None:
        """Answer with ``error``, unless the request has an answer or a part of it, and close the connection."""
        self._stop_arrival_timer()
        cycle = self.cycle
        answering = cycle is not None and cycle.response_started and not cycle.response_complete
        answered = cycle is not None and cycle.response_complete and self._phase is _Phase.BODY
        if not answering and not answered:
            self.transport.write(_raw_response(error))
        self._log_end(str(error), error.status)
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.close()

    def _drop_stalled_reader(self) -> None:
        self._log_end("the client stopped reading")
        self.transport.abort()  # close() would wait until everything is read

    def _log_endless_body(self) -> None:
        limits = self.limits
        bounds = f"{limits.max_linger_bytes} bytes or {limits.linger_timeout_s:g} s"
        self._log_end(f"body: expected its end within {bounds} after the answer, got more")

    def _log_end(self, reason: str, status: int | None = None) -> None:
        """Log why the connection ended: the request log has only requests whose headers were complete."""
        facts = {"user": plain_address(self.client[0]) if self.client else "local", "status": status, "reason": reason}
        log.info("connection ended", extra={name: fact for name, fact in facts.items() if fact is not None})


def guarded_protocol(limits: ConnectionLimits) -> type[GuardedProtocol]:
    """A :class:`GuardedProtocol` with these limits; uvicorn takes a class, not an instance."""
    return type("LimitedProtocol", (GuardedProtocol,), {"limits": limits, "places": Places(limits)})


def _raw_response(error: ApiError) -> bytes:
    body = json.dumps(error.body()).encode()
    fields = "".join(f"{name}: {value}\r\n" for name, value in (error.headers or {}).items())
    head = (
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{fields}Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
