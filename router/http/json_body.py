"""Strict parsing of JSON request bodies: every value that passes can be encoded again and sent to a worker.

Large bodies are parsed in a thread of their own, one at a time: that bounds the memory, and the event loop goes on.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers

from router.http.bodies.byte_budget import share_of
from router.http.bodies.json_structure import check_structure
from router.http.content_type import JSON, check_content_type, is_json
from router.http.error_handlers import validation_error
from router.schemas.errors import ApiError
from router.schemas.media.inline import inline_media
from router.schemas.shown import shown
from shared.settings import ServerSettings

SMALL_BYTES = 100_000
SMALL_VALUES = 10_000
"""A body of up to this size and number of values is parsed on the event loop, which takes a few milliseconds."""
VALUE_BYTES = 32
"""Memory of a parsed value, beside its text."""
_MAX_INTEGER_CHARS = 20
_MSGPACK_INTEGERS = range(-(2**63), 2**64)
_parsing = ThreadPoolExecutor(1, "json")

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class JsonLimits:
    """What a body may hold: a number of values, and bytes of text in UTF-8, ``None`` for any.

    The media of a chat do not count as text.
    """

    max_values: int = 1_000_000
    max_text_bytes: int | None = None


class JsonRoute(APIRoute):
    """A route of text requests, whose body :func:`read_model` parses instead of FastAPI."""

    def check_type(self, request: Request) -> None:
        """Check what the body is said to be.

        Raises:
            ApiError: 400, something else than JSON.
        """
        check_content_type(request.headers.get("content-type"), JSON)

    def limits(self, settings: ServerSettings) -> JsonLimits:
        """What a body may hold."""
        return JsonLimits(settings.max_json_values, settings.max_text_bytes)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, called with a request whose JSON is already parsed and validated."""
        handler = super().get_route_handler()
        model = self.body_field.field_info.annotation if self.body_field else None
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)

        async def handle(request: Request) -> Response:
            self.check_type(request)
            settings: ServerSettings = request.app.state.broker.settings
            limits = self.limits(settings)
            parsed = _ParsedRequest(request.scope, request.receive)
            # Not by body(), which keeps the bytes for as long as the request.
            body = b"".join([chunk async for chunk in request.stream()])
            parsed.parsed = await read_model(request, body, model, limits)
            del body
            return await handler(parsed)

        return handle


class PictureRoute(JsonRoute):
    """The same for bodies that may hold pictures as base64, which do not count as text."""

    def limits(self, settings: ServerSettings) -> JsonLimits:
        """No limit of text beside that of the body."""
        return JsonLimits(settings.max_json_values)


class UntypedJsonRoute(JsonRoute):
    """The same for clients that send JSON under any type, as ``curl -d`` does."""

    def check_type(self, request: Request) -> None:
        """Only what a web page sends must say that it is JSON: browsers send that to other sites only if allowed."""
        if "origin" in request.headers or "sec-fetch-site" in request.headers:
            super().check_type(request)


class _ParsedRequest(Request):
    """A request whose body is read. FastAPI gets the validated model as its JSON, and passes it on as it is."""

    parsed: Any = None

    @property
    def headers(self) -> Headers:
        """The headers, with JSON as the type of the body, whatever the client called it."""
        given = super().headers
        if is_json(given.get("content-type")):
            return given
        others = [(name, value) for name, value in given.raw if name != b"content-type"]
        return Headers(raw=[*others, (b"content-type", JSON.encode())])

    async def body(self) -> bytes:
        return b"parsed"

    async def json(self) -> Any:
        return self.parsed


async def read_model(request: Request, body: bytes, model: type[M], limits: JsonLimits) -> M:
    """Parse and validate the body of ``request``.

    Raises:
        ApiError: those of :func:`parse_json_body`; 400, a field is invalid; 429 or 503, the values need more memory
            than there is for requests.
    """
    if len(body) <= SMALL_BYTES and sum(map(body.count, b"[{,")) <= SMALL_VALUES:
        return _validated(body, model, limits, parse_json_body)
    loop = asyncio.get_running_loop()
    values = await loop.run_in_executor(_parsing, check_structure, body, limits.max_values)
    share_of(request.scope).take(values * VALUE_BYTES)
    return await loop.run_in_executor(_parsing, _validated, body, model, limits, _parsed)


def _validated(body: bytes, model: type[M], limits: JsonLimits, parse: Callable[[bytes, JsonLimits], Any]) -> M:
    try:
        return model.model_validate(parse(body, limits))
    except ValidationError as error:
        raise validation_error([{**found, "loc": ("body", *found["loc"])} for found in error.errors()]) from None


def parse_json_body(body: bytes, limits: JsonLimits = JsonLimits()) -> Any:
    """Parse a request's body.

    Integers that need more than 64 bits become floats, as in JavaScript, and numbers beyond a float's range become the
    largest one. They may be in fields that nobody reads; fields that are read check their own ranges.

    Raises:
        ApiError: 400, the body is not JSON in UTF-8, is nested deeper than ``MAX_DEPTH``, or contains NaN, an infinity
            or a lone surrogate; 413, it is over the limits.
    """
    check_structure(body, limits.max_values)
    return _parsed(body, limits)


def _parsed(body: bytes, limits: JsonLimits) -> Any:
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
    if "\\u" in text:
        _check_surrogates(value)
    if limits.max_text_bytes is not None and len(body) > limits.max_text_bytes:
        _check_text(value, limits.max_text_bytes)
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


def _check_surrogates(value: Any) -> None:
    try:
        for text in _texts(value):
            text.encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        raise ApiError(400, f"body: expected valid Unicode, got the lone surrogate {half}") from None


def _check_text(value: Any, max_bytes: int) -> None:
    text_bytes = sum(map(_utf8_bytes, _texts(value))) - sum(map(_utf8_bytes, inline_media(value)))
    if text_bytes > max_bytes:
        raise ApiError(413, f"body: expected at most {max_bytes} bytes of text (--max-text-bytes), got {text_bytes}")


def _utf8_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _texts(value: Any) -> Iterator[str]:
    """All strings in a parsed body, also names."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            waiting += one
            waiting += one.values()
