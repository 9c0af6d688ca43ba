"""Strict parsing of JSON request bodies: every value that passes can be encoded again and sent to a worker."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute

from router.http.content_type import JSON, check_content_type
from router.schemas.errors import ApiError
from router.schemas.shown import shown

MAX_DEPTH = 100
"""Levels of nested objects and lists in a body."""
_MAX_INTEGER_CHARS = 20
_MSGPACK_INTEGERS = range(-(2**63), 2**64)


class JsonRoute(APIRoute):
    """A route whose body :func:`parse_json_body` parses instead of FastAPI."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, called with a request whose JSON is already parsed."""
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
    """Parse a request's body.

    Integers that need more than 64 bits become floats, as in JavaScript, and numbers beyond a float's range become the
    largest one. They may be in fields that nobody reads; fields that are read check their own ranges.

    Raises:
        ApiError: 400, the body is not JSON in UTF-8, is nested deeper than ``MAX_DEPTH``, or contains NaN, an infinity
            or a lone surrogate.
    """
    if not body.strip():
        raise ApiError(400, "body is required: a JSON object")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ApiError(400, f"body: expected JSON in UTF-8, got an invalid byte at offset {error.start}") from None
    try:
        value = json.loads(text, parse_int=_integer, parse_float=_finite, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        near = shown(text[max(0, error.pos - 20) : error.pos + 20])
        where = f"line {error.lineno}, column {error.colno}"
        raise ApiError(400, f"body: expected JSON, got {near} at {where} ({error.msg})") from None
    except RecursionError:
        raise _too_deep() from None
    if text.count("{") + text.count("[") > MAX_DEPTH:
        _check_depth(value)
    if "\\u" in text:
        _check_surrogates(value)
    return value


def _integer(digits: str) -> int | float:
    if len(digits) <= _MAX_INTEGER_CHARS and (value := int(digits)) in _MSGPACK_INTEGERS:
        return value
    return _finite(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    return value if math.isfinite(value) else math.copysign(sys.float_info.max, value)


def _refuse_constant(name: str) -> NoReturn:
    raise ApiError(400, f"body: expected finite numbers, got {name}")


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
        raise ApiError(400, f"body: expected valid Unicode, got the lone surrogate {half}") from None


def _too_deep() -> ApiError:
    return ApiError(400, f"body: expected at most {MAX_DEPTH} levels of nesting, got more")
