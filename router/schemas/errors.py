"""OpenAI's error object: the exception that becomes one, and its documentation."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pydantic import BaseModel

from router.jobs.blame.record import WORKER_DIED
from router.jobs.refusals import RefusalReason, Refused
from router.schemas.shown import shown
from shared.wire.payloads import Failed

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    415: "unsupported_media_type",
    429: "rate_limit_error",
    503: "service_unavailable",
    504: "timeout_error",
}

_REFUSAL_STATUSES = {
    RefusalReason.MODEL_NOT_FOUND: 404,
    RefusalReason.MODEL_NOT_ALLOWED: 403,
    RefusalReason.WORKER_NOT_FOUND: 404,
    RefusalReason.LAST_WORKER: 409,
    RefusalReason.NOT_LOADED: 409,
    RefusalReason.NO_WORKER: 503,
    RefusalReason.QUEUE_FULL: 429,
    RefusalReason.USER_QUEUE_FULL: 429,
    RefusalReason.TOKENS_PER_DAY: 429,
    RefusalReason.REQUEST_TOO_LARGE: 413,
}


NO_RETRY = {"X-Should-Retry": "false"}
"""OpenAI's clients send a request again after other errors of the server."""

LONG_WAIT_S = 60
"""Clients that try a request again sooner than ``Retry-After`` says, since that is longer, are asked not to."""

WORKER_RETRY_S = "5"
"""``Retry-After`` of a request that a worker has no room for, in seconds."""


class ApiError(Exception):
    """An error for the client: HTTP status, message (``<field>: expected X, got Y``) and the field, as ``param``."""

    def __init__(
        self,
        status: int,
        message: str,
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code
        self.headers = headers or (dict(NO_RETRY) if status == 501 else {})

    @classmethod
    def from_job(cls, failed: Failed) -> ApiError:
        """The error that ended a job. Clients that obey ``X-Should-Retry`` do not send a request again that kills."""
        headers = dict(NO_RETRY) if failed.code == WORKER_DIED else {}
        if failed.status == 429:
            headers["Retry-After"] = WORKER_RETRY_S
        return cls(failed.status, failed.message, failed.param, failed.code, headers)

    @classmethod
    def from_refusal(cls, refused: Refused) -> ApiError:
        """The error for a job or worker command that was refused."""
        headers = {} if refused.retry_after_s is None else {"Retry-After": str(refused.retry_after_s)}
        if refused.reason is RefusalReason.TOKENS_PER_DAY and (refused.retry_after_s or 0) > LONG_WAIT_S:
            headers |= NO_RETRY
        return cls(_REFUSAL_STATUSES[refused.reason], str(refused), refused.field, refused.reason.value, headers)

    def body(self) -> dict[str, Any]:
        """The OpenAI error object."""
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}


def allowed_methods(declared: Collection[str]) -> str:
    """The header ``Allow`` of a path that has the ``declared`` methods. HEAD is there wherever GET is."""
    return ", ".join(sorted({*declared, *(("HEAD",) if "GET" in declared else ())}))


def wrong_method(method: str, path: str, declared: Collection[str]) -> ApiError:
    """A 405 for a path that has the ``declared`` methods."""
    allowed = allowed_methods(declared)
    message = f"method: expected {allowed.replace(', ', ' or ')}, got {method} {shown(path)}"
    return ApiError(405, message, headers={"Allow": allowed})


class ErrorDetail(BaseModel):
    """``message`` says which field is wrong, what was expected and what was given; ``param`` is that field."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorObject(BaseModel):
    """OpenAI's error object."""

    error: ErrorDetail


_MEANINGS = {
    400: "The request is invalid: `message` names the field, what was expected and what was given.",
    401: "The API key is missing or wrong.",
    403: "The caller is not permitted to do this.",
    404: "The model, job, worker or picture does not exist.",
    409: "The current state does not allow it.",
    410: "The requested events are no longer kept.",
    413: "The body is too large.",
    415: "The file is not a recording or picture that can be read.",
    429: "Too many requests or bytes at once, of this user or of all; `Retry-After` says when to try again.",
    499: "The request was cancelled by `DELETE /v1/jobs/{id}`.",
    500: "The server failed.",
    501: "The server does not have this part of OpenAI's API.",
    503: "The server cannot do this at the moment.",
    504: "The request took longer than its timeout.",
    507: "The server's disk has no room for the file.",
}


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """FastAPI's ``responses`` for these statuses, and for any other."""
    documented: dict[int | str, dict[str, Any]] = {
        status: {"model": ErrorObject, "description": _MEANINGS[status]} for status in statuses
    }
    return {**documented, "default": {"model": ErrorObject, "description": "Any other error."}}


GENERATION_ERRORS = error_responses(400, 401, 404, 413, 429, 499, 500, 503, 504)
UPLOAD_ERRORS = error_responses(400, 401, 403, 404, 413, 415, 429, 499, 500, 503, 504, 507)
