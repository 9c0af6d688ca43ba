"""Which JSON bodies are parsed, and which are refused."""

from __future__ import annotations

import json

import pytest

from router.http.json_body import MAX_DEPTH, parse_json_body
from router.schemas.errors import ApiError


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize(
    "body",
    [b'{"a": [1, 2.5, "\\u00e4", true, null]}', '"ä"'.encode(), b"\xef\xbb\xbf{}", nested(MAX_DEPTH), b"[{}]" * 1],
)
def test_valid_json_is_parsed(body: bytes) -> None:
    assert parse_json_body(body) == json.loads(body)


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "body is required"),
        (b'{"a": }', "line 1, column 7"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"a": 1e999}', "1e999"),
        (b"9223372036854775808", "64 bits"),
        (b"1" * 5000, "64 bits"),
        (b'"\xff"', "UTF-8, got an invalid byte at offset 1"),
        (b'["\\ud800"]', "\\ud800"),
        (b'{"\\udfff": 1}', "surrogate"),
        (nested(MAX_DEPTH + 2), "100 levels of nesting"),
        (nested(200_000), "100 levels of nesting"),
    ],
)
def test_invalid_or_unencodable_json_is_refused(body: bytes, part: str) -> None:
    with pytest.raises(ApiError) as raised:
        parse_json_body(body)
    assert raised.value.status == 400
    assert part in str(raised.value)
