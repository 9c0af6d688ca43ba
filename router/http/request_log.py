"""Logs one line for each request, with its id; prompts only with ``--log-prompts``."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence, Set
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from router.http.error_handlers import CLIENT_CLOSED_REQUEST, error_response
from router.http.request_record import ENDPOINT, FinishedRequest, RequestObserver, RequestRecord
from router.http.senders.client_address import ClientAddress
from router.schemas.errors import ApiError
from shared.addresses import network_of

log = logging.getLogger("nexa.request")

_WELL_FORMED_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestLog:
    """The outermost ASGI middleware: gives each request its record and ``X-Request-ID``, and logs its end.

    An unhandled exception becomes a 500 that names the request's id; the log has the traceback under that id. The
    ``observers`` are notified of each request's end. Requests to ``quiet_paths`` are logged at level debug only. The
    ``trusted_proxies`` say for which clients they ask.
    """

    def __init__(
        self,
        app: ASGIApp,
        observers: Sequence[RequestObserver] = (),
        quiet_paths: Set[str] = frozenset(),
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        self._app = app
        self._observers = observers
        self._quiet_paths = quiet_paths
        self._client_address = ClientAddress(trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        passed_on = self._client_address.settle(scope)
        scope["state"]["record"] = record = _new_record(scope)
        record.passed_on = passed_on
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
                error = ApiError(
                    500, f"internal server error; the server's log has the reason under request id {record.request_id}"
                )
                await error_response(error)(scope, receive, send_named)
        finally:
            level = logging.DEBUG if scope["path"] in self._quiet_paths else logging.INFO
            record.answer_sent(lambda: report_end(record, scope, status, started_at_s, self._observers, level))


def report_end(
    record: RequestRecord,
    scope: Scope,
    status: int,
    started_at_s: float,
    observers: Sequence[RequestObserver],
    level: int = logging.INFO,
) -> None:
    """Log a request's end and notify the observers. ``started_at_s`` is monotonic."""
    duration_s = time.monotonic() - started_at_s
    outcome = record.outcome or _outcome_of(status)
    log.log(level, "request", extra=_facts(record, scope, status, outcome, duration_s))
    ended = FinishedRequest(record, scope, _endpoint_of(scope), status, outcome, started_at_s, duration_s)
    for observer in observers:
        observer.finished(ended)


def _new_record(scope: Scope) -> RequestRecord:
    record = RequestRecord()
    given = Headers(scope=scope).get("x-request-id", "")
    record.request_id = given if _WELL_FORMED_ID.fullmatch(given) else record.answer_id
    client = scope.get("client")
    record.user = client[0] if client else "local"
    record.network = network_of(client[0]) if client else ""
    return record


def _facts(record: RequestRecord, scope: Scope, status: int, outcome: str, duration_s: float) -> dict[str, Any]:
    """The known fields of a request's log line."""
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
        "warnings": record.warnings or None,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


def _endpoint_of(scope: Scope) -> str:
    """The route's declared path, so that metrics have a bounded set of values; ``other`` without a route."""
    path = scope.get(ENDPOINT) or getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "other"


def _outcome_of(status: int) -> str:
    if status == CLIENT_CLOSED_REQUEST:
        return "cancelled"
    return "done" if 0 < status < 400 else "refused" if 400 <= status < 500 else "failed"
