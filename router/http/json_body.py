"""JSON request bodies, read strictly: whatever gets past here can be encoded again and sent to a worker."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute

from router.http.content_type import JSON, check_content_type
from router.schemas.errors import ApiError
from router.schemas.shown import shown

MAX_DEPTH = 100
_MAX_INT_DIGITS = 19
_INT64 = range(-(2**63), 2**63)


class JsonRoute(APIRoute):
    """A route whose body is read by :func:`parse_json_body` before FastAPI sees it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, given a request whose JSON is there already."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            parsed = _ParsedRequest(request.scope, request.receive)
            check_content_type(parsed.headers.get("content-type"), JSON)
            parsed.parsed = parse_json_body(await parsed.body())
            return await handler(parsed)

        return handle


class _ParsedRequest(Request):
    parsed: Any = None

    async def json(self) -> Any:
        return self.parsed


def parse_json_body(body: bytes) -> Any:
    """The value that a request's body holds.

    Raises:
        ApiError: 400, the body is no JSON in UTF-8, is nested deeper than ``MAX_DEPTH``, or holds NaN, an infinity, a
            whole number of more than 64 bits, or half of a surrogate pair.
    """
    if not body.strip():
        raise ApiError(400, "the body is empty; accepted is a JSON object")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ApiError(400, f"the body is not UTF-8 (byte {error.start}); accepted is JSON in UTF-8") from None
    try:
        value = json.loads(text, parse_int=_int64, parse_float=_finite, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        near = shown(text[max(0, error.pos - 20) : error.pos + 20])
        raise ApiError(
            400, f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}, near {near}"
        ) from None
    except RecursionError:
        raise _too_deep() from None
    if text.count("{") + text.count("[") > MAX_DEPTH:
        _check_depth(value)
    if "\\u" in text:
        _check_surrogates(value)
    return value


def _int64(digits: str) -> int:
    if len(digits) > _MAX_INT_DIGITS + 1 or (value := int(digits)) not in _INT64:
        raise ApiError(400, f"the body holds the number {shown(digits)}; accepted are whole numbers of 64 bits")
    return value


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ApiError(400, f"the body holds the number {shown(digits)}; accepted are numbers below 1.8e308")
    return value


def _refuse(name: str) -> NoReturn:
    raise ApiError(400, f"the body holds {name}, which is no JSON; accepted are finite numbers")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise _too_deep()


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise ApiError(400, f"the body holds {half}, half of a surrogate pair; accepted is valid Unicode") from None


def _too_deep() -> ApiError:
    return ApiError(400, f"the body is nested too deep; accepted are up to {MAX_DEPTH} levels")
