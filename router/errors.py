"""The one exception that an HTTP handler raises to answer with an OpenAI error object."""

from __future__ import annotations

from typing import Any

from shared.jobs import Failed

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


class ApiError(Exception):
    """An error for the client: HTTP status, a message that names field, value and what is accepted, and the field."""

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
        self.headers = headers or {}

    @classmethod
    def from_job(cls, failed: Failed) -> ApiError:
        """The error that ended a job."""
        return cls(failed.status, failed.message, failed.param, failed.code)

    def body(self) -> dict[str, Any]:
        """The OpenAI error object."""
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}
