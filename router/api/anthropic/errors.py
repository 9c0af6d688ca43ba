"""Errors in Anthropic's form."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from router.http.request_record import record_of
from router.jobs.refusals import RefusalReason
from router.schemas.errors import ApiError

REQUEST_ID_HEADER = "request-id"

OVERLOADED = 529
"""Anthropic's status for a server that has too much to do. Its clients try again, as after 429."""

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    OVERLOADED: "overloaded_error",
}

_TOO_LONG = re.compile(r"at most (\d+) tokens.* got (?:at least )?(\d+)")


def write_error(error: ApiError, scope: Scope) -> Response:
    """The response for an error of a request."""
    request_id = record_of(scope).request_id
    headers = {**error.headers, REQUEST_ID_HEADER: request_id}
    return JSONResponse(error_object(error, request_id), _status(error), headers)


def error_object(error: ApiError, request_id: str) -> dict[str, Any]:
    """Anthropic's error object."""
    status = _status(error)
    kind = _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": _message(error)}, "request_id": request_id}


def _status(error: ApiError) -> int:
    """The HTTP status: a full queue is Anthropic's "overloaded", unless it is the user's own part of it."""
    return OVERLOADED if error.code == RefusalReason.QUEUE_FULL.value else error.status


def _message(error: ApiError) -> str:
    """What clients are told. Agents know by Anthropic's words that a chat is too long, and shorten it."""
    if error.code == "context_length_exceeded" and (found := _TOO_LONG.search(str(error))):
        return f"prompt is too long: {found[2]} tokens > {found[1]} maximum"
    return str(error)
