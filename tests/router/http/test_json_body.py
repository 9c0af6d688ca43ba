"""Which JSON bodies are parsed, and which are refused."""

from __future__ import annotations

import json
import sys

import pytest

from router.http.bodies.json_structure import MAX_DEPTH
from router.http.json_body import parse_json_body
from router.schemas.errors import ApiError
from shared.wire.codec import encode
from shared.wire.jobs import TextJob


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize(
    "body",
    [b'{"a": [1, 2.5, "\\u00e4", true, null]}', '"ä"'.encode(), b"\xef\xbb\xbf{}", nested(MAX_DEPTH), b"[{}]" * 1],
)
def test_valid_json_is_parsed(body: bytes) -> None:
    assert parse_json_body(body) == json.loads(body)


@pytest.mark.parametrize("number", [0, -1, -(2**63), 2**63, 2**64 - 1])
def test_integers_of_64_bits_are_exact(number: int) -> None:
    parsed = parse_json_body(str(number).encode())
    assert type(parsed) is int
    assert parsed == number


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"18446744073709551616", 2.0**64),
        (b"-9223372036854775809", -(2.0**63)),
        (b"1" * 5000, sys.float_info.max),
        (b"-1e999", -sys.float_info.max),
    ],
)
def test_larger_numbers_become_floats_that_a_worker_can_be_sent(body: bytes, value: float) -> None:
    parsed = parse_json_body(b'{"metadata": [' + body + b"]}")["metadata"][0]
    assert type(parsed) is float
    assert parsed == value
    assert encode(TextJob(template_options={"number": parsed}))


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "body is required"),
        (b'{"a": }', "line 1, column 7"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "-Infinity"),
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
