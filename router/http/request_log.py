"""What is known of each request: its id, and its one line in the log, which has prompts only on demand."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from router.http.error_handlers import CLIENT_CLOSED_REQUEST, error_response
from router.jobs.consumption import Consumption
from router.jobs.job import Job
from router.jobs.limits import UNLIMITED, UserLimits
from router.schemas.errors import ApiError
from shared.kinds import JobKind

log = logging.getLogger("nexa.request")

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass(slots=True)
class RequestRecord:
    """The facts of one request, filled in on its way.

    ``request_id`` is the client's ``X-Request-ID``, if it sent a sane one, and may repeat; ``answer_id`` is ours.
    ``user`` is ``key_name``, that of the API key that is the user's own, or else the client's address. ``outcome`` is
    done, refused, failed or cancelled. ``limits`` and ``admin`` are those of the key. ``jobs`` are those of the
    request, and ``consumed`` is what they used, once it has ended. ``prompts`` is empty unless prompts are logged.
    While a request is ``detached``, it goes on without its connection, and whoever ends it calls :meth:`end`.
    """

    answer_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    request_id: str = ""
    user: str = ""
    key_name: str = ""
    model: str | None = None
    kind: JobKind | None = None
    worker: str | None = None
    consumed: Consumption | None = None
    ttft_s: float | None = None
    outcome: str | None = None
    limits: UserLimits = UNLIMITED
    admin: bool = False
    jobs: Sequence[Job] = ()
    prompts: Sequence[Any] = ()
    detached: bool = False
    _write_end: Callable[[], None] | None = None

    def connection_over(self, write_end: Callable[[], None]) -> None:
        """The connection is over: ``write_end`` is called now or, while the request is detached, at its end."""
        if self.detached:
            self._write_end = write_end
        else:
            write_end()

    def end(self) -> None:
        """A request that may have been detached is over."""
        self.detached = False
        if self._write_end is not None:
            write_end, self._write_end = self._write_end, None
            write_end()


@dataclass(frozen=True, slots=True)
class FinishedRequest:
    """A request that has ended, as observers see it.

    ``endpoint`` is the route's declared path, or ``other`` without a route. ``started_at_s`` is monotonic.
    """

    record: RequestRecord
    scope: Scope
    endpoint: str
    status: int
    outcome: str
    started_at_s: float
    duration_s: float


class RequestObserver(Protocol):
    """Is told of each request's end, on the event loop, once its answer has been sent."""

    def finished(self, request: FinishedRequest) -> None:
        """A request has ended."""


def record_of(scope: Scope) -> RequestRecord:
    """The record of the request that ``scope`` belongs to."""
    record: RequestRecord = scope["state"]["record"]
    return record


class RequestLog:
    """ASGI middleware, the outermost: gives each request its record, answers ``X-Request-ID``, and logs its end.

    What nobody handled ends here as a 500 whose message names the request's id, under which the log has the traceback.
    The ``observers`` are told of each request's end. Requests of ``quiet_paths`` are logged at level debug only.
    """

    def __init__(
        self, app: ASGIApp, observers: Sequence[RequestObserver] = (), quiet_paths: Set[str] = frozenset()
    ) -> None:
        self._app = app
        self._observers = observers
        self._quiet_paths = quiet_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = _new_record(scope)
        scope.setdefault("state", {})["record"] = record
        started_at_s = time.monotonic()
        status = 0

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = record.request_id
            await send(message)

        try:
            await self._app(scope, receive, send_named)
        except Exception:
            log.exception("request failed", extra={"id": record.request_id})
            record.outcome = "failed"
            if not status:
                error = ApiError(500, f"the server failed; its log has the reason under {record.request_id}")
                await error_response(error)(scope, receive, send_named)
        finally:
            record.connection_over(lambda: self._end(record, scope, status, started_at_s))

    def _end(self, record: RequestRecord, scope: Scope, status: int, started_at_s: float) -> None:
        """The request is over: its line in the log, and word to the observers."""
        duration_s = time.monotonic() - started_at_s
        outcome = record.outcome or _outcome_of(status)
        level = logging.DEBUG if scope["path"] in self._quiet_paths else logging.INFO
        log.log(level, "request", extra=_facts(record, scope, status, outcome, duration_s))
        ended = FinishedRequest(record, scope, _endpoint_of(scope), status, outcome, started_at_s, duration_s)
        for observer in self._observers:
            observer.finished(ended)


def _new_record(scope: Scope) -> RequestRecord:
    record = RequestRecord()
    asked_for = Headers(scope=scope).get("x-request-id", "")
    record.request_id = asked_for if _SANE_ID.fullmatch(asked_for) else record.answer_id
    client = scope.get("client")
    record.user = client[0] if client else "local"
    return record


def _facts(record: RequestRecord, scope: Scope, status: int, outcome: str, duration_s: float) -> dict[str, Any]:
    """What the log says of a request, without what is unknown."""
    consumed = record.consumed
    facts: dict[str, Any] = {
        "id": record.request_id,
        "user": record.user,
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "model": record.model,
        "worker": record.worker,
        "prompt_tokens": consumed and consumed.prompt_tokens,
        "cached_tokens": consumed and consumed.cached_tokens,
        "completion_tokens": consumed and consumed.completion_tokens,
        "ttft_s": record.ttft_s,
        "duration_s": duration_s,
        "outcome": outcome,
        "prompts": record.prompts or None,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


def _endpoint_of(scope: Scope) -> str:
    """The path of the route that was found: one of those declared, never what a client made up."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "other"


def _outcome_of(status: int) -> str:
    if status == CLIENT_CLOSED_REQUEST:
        return "cancelled"
    return "done" if 0 < status < 400 else "refused" if 400 <= status < 500 else "failed"
