"""Errors become OpenAI error objects, or those of another API on that API's paths."""

from __future__ import annotations

import http
import re
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from router.http.disconnect import ClientGone
from router.http.path_hint import Paths, path_hint, slash_redirect
from router.jobs.refusals import Refused
from router.schemas.errors import ApiError, wrong_method
from router.schemas.missing import MissingApi, missing_api
from router.schemas.shown import shown

MAX_NAMED_ERRORS = 5
"""Invalid fields that one message describes; of further ones it only gives the number."""
CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a client that disconnected; seen only in logs and metrics."""

_PYDANTIC_OPENING = re.compile(r"^\w+ should (be|have|match) ")
_EXPECTED = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "bool_type": "a boolean",
    "date_from_datetime_parsing": "a date as YYYY-MM-DD",
    "date_parsing": "a date as YYYY-MM-DD",
    "bool_parsing": "a boolean",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "an integer",
    "int_parsing": "an integer",
    "int_parsing_size": "an integer",
    "int_type": "an integer",
    "list_type": "a list",
    "string_type": "a string",
    "dict_type": "an object",
    "model_attributes_type": "an object",
    "model_type": "an object",
    "string_pattern_mismatch": "text that matches {pattern}",
}
"""What was expected, by type of Pydantic's error; other types keep Pydantic's own words."""


ErrorWriter = Callable[[ApiError, Scope], Response]
"""Makes the response for an error of a request. The response has the error's ``headers``."""


def install_error_handlers(
    app: FastAPI,
    paths: Paths | None = None,
    writers: Mapping[str, ErrorWriter] | None = None,
    missing: Mapping[str, MissingApi] | None = None,
) -> None:
    """Make ``app`` answer every error with an error object, and a 404 name the one of ``paths`` that was meant.

    Requests to ``missing`` APIs are answered 501.

    The ``writers`` are for all paths that are one of these or below it; elsewhere the objects are OpenAI's.
    """
    app.state.paths = paths or {}
    app.state.error_writers = writers or {}
    app.state.missing = missing or {}
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(Refused, _on_refused)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ClientGone, _on_client_gone)
    app.add_exception_handler(ClientDisconnect, _on_client_gone)


def error_response(error: ApiError) -> Response:
    """``error`` as a response, in the form of the API whose path it is sent on."""
    return _ErrorResponse(error)


class _ErrorResponse(JSONResponse):
    """OpenAI's error object, unless there is another writer for the path."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.body(), error.status, error.headers)
        self._error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the error."""
        writer = _writer_for(scope)
        if writer is None:
            await super().__call__(scope, receive, send)
        else:
            await writer(self._error, scope)(scope, receive, send)


def _writer_for(scope: Scope) -> ErrorWriter | None:
    """The writer of the longest path that the request's own begins with."""
    app = scope.get("app")
    if app is None:  # the application has not been reached
        return None
    writers: Mapping[str, ErrorWriter] = getattr(app.state, "error_writers", {})
    path = scope["path"]
    above = [prefix for prefix in writers if path == prefix or path.startswith(f"{prefix}/")]
    return writers[max(above, key=len)] if above else None


def validation_error(errors: list[dict[str, Any]]) -> ApiError:
    """Pydantic's errors as one; ``param`` is the first field."""
    sentences = [_sentence(found) for found in errors[:MAX_NAMED_ERRORS]]
    if len(errors) > MAX_NAMED_ERRORS:
        sentences.append(f"and {len(errors) - MAX_NAMED_ERRORS} more")
    return ApiError(400, "; ".join(sentences), param=_path(errors[0]) or None)


def _path(found: dict[str, Any]) -> str:
    """The dotted path of the field, without FastAPI's prefix (body, query)."""
    return ".".join(str(step)[:100] for step in found["loc"][1:])


def _sentence(found: dict[str, Any]) -> str:
    """One of Pydantic's errors as ``<field>: expected X, got Y``."""
    path = _path(found) or "body"
    if found["type"] == "missing":
        return f"{path} is required"
    expected = _expected(found)
    return f"{path}: {expected}" if ", got " in expected else f"{path}: {expected}, got {shown(found['input'])}"


def _expected(found: dict[str, Any]) -> str:
    """``expected X``, or our own validator's whole message, which may include ``, got Y``."""
    if found["type"] == "value_error":
        return str(found["ctx"]["error"])
    template = _EXPECTED.get(found["type"])
    if template is not None:
        return "expected " + template.format(**{name: _whole(bound) for name, bound in found.get("ctx", {}).items()})
    return "expected " + _PYDANTIC_OPENING.sub("", found["msg"]).partition(" after validation")[0]


def _whole(bound: Any) -> Any:
    """The bound without a needless fraction: 5 for 5.0."""
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


async def _on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error_response(error)


async def _on_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return error_response(ApiError.from_refusal(error))


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return error_response(validation_error(list(error.errors())))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == http.HTTPStatus.METHOD_NOT_ALLOWED and not _ends_in_a_parameter(request):
        allowed = (error.headers or {}).get("Allow", "").split(", ")
        return error_response(wrong_method(request.method, request.url.path, allowed))
    if error.status_code in (http.HTTPStatus.NOT_FOUND, http.HTTPStatus.METHOD_NOT_ALLOWED):
        return slash_redirect(request) or error_response(_no_such_path(request))
    return error_response(ApiError(error.status_code, str(error.detail), headers=dict(error.headers or {})))


def _ends_in_a_parameter(request: Request) -> bool:
    """Whether the path may be anything, as far as its route knows: it exists for the route's own methods only."""
    return str(getattr(request.scope.get("route"), "path", "")).endswith("}")


def _no_such_path(request: Request) -> ApiError:
    path = request.scope["path"]
    missing = missing_api(request.method, path, request.app.state.missing)
    if missing is not None:
        return missing
    hint = path_hint(request.method, path, request.app.state.paths)
    meant = f"did you mean {hint}? " if hint else ""
    return ApiError(404, f"there is no {request.method} {shown(path)}; {meant}GET /docs lists the endpoints")


async def _on_client_gone(request: Request, error: Exception) -> Response:
    return Response(status_code=CLIENT_CLOSED_REQUEST)
