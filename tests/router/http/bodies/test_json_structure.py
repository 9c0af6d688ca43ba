"""Bodies that are too deep or have too many values are refused before anything is made of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.http.bodies.json_structure import MAX_DEPTH, check_structure
from router.schemas.errors import ApiError
from tests.support.any_json import json_values

SLICE = 64 * 1024

TOO_MANY_LISTS = "body: expected at most 50000 lists and objects (a twentieth of --max-json-values), got more"
TOO_MANY_NAMES = "body: expected at most 100000 names in objects (a tenth of --max-json-values), got more"
TOO_MANY_VALUES = "body: expected at most 1000000 values (--max-json-values), got more"


def refused(body: bytes, max_values: int = 1_000_000) -> tuple[int, str]:
    with pytest.raises(ApiError) as raised:
        check_structure(body, max_values)
    return raised.value.status, str(raised.value)


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def test_the_limits_themselves_pass() -> None:
    check_structure(nested(MAX_DEPTH), 10_000)
    check_structure(b"[" + b"1," * 998 + b"1]", 1000)
    check_structure(b"[" + b",".join([b"[]"] * 49) + b"]", 1000)


@pytest.mark.parametrize("text", [b"", b"x" * SLICE, b'\\"[' * SLICE])
def test_one_level_more_is_refused(text: bytes) -> None:
    prefix = b'{"a": "' + text + b'", "b": '
    levels = MAX_DEPTH - 1
    check_structure(prefix + nested(levels), 10_000)
    assert refused(prefix + nested(levels + 1), 10_000) == (
        400,
        f"body: expected at most {MAX_DEPTH} levels of nesting, got more",
    )


def test_levels_are_counted_across_slices() -> None:
    apart = b" " * SLICE
    check_structure((b"[" + apart) * MAX_DEPTH + b"]" * MAX_DEPTH, 10_000)
    assert refused((b"[" + apart) * (MAX_DEPTH + 1), 10_000)[0] == 400


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            b"[" + b"[]," * 11_000_000 + b"[]]",
            TOO_MANY_LISTS,
        ),
        (
            b"[" + b"{}," * 60_000 + b"{}]",
            TOO_MANY_LISTS,
        ),
        (
            b"{" + b'"a":1,' * 100_000 + b'"a":1}',
            TOO_MANY_NAMES,
        ),
        (b"[" + b"1," * 1_000_000 + b"1]", TOO_MANY_VALUES),
        (b'{"a":' + b'"",' * 1_000_000 + b"1}", TOO_MANY_VALUES),
    ],
)
def test_too_many_values_are_413(body: bytes, message: str) -> None:
    assert refused(body) == (413, message)


@pytest.mark.parametrize(
    "text",
    [
        "," * 2_000_000,
        ":" * 2_000_000,
        "[{" * 100_000,
        '"[' * 100_000,
        "\\[" * 100_000,
        "\\" * (SLICE + 1) + "[" * 200,
        "ä,[" * 100_000,
    ],
)
def test_brackets_and_commas_in_strings_do_not_count(text: str) -> None:
    for ensure_ascii in (True, False):
        body = json.dumps({"prompt": text}, ensure_ascii=ensure_ascii).encode()
        assert check_structure(body, 1000) <= 1000


def count(value: Any) -> tuple[int, int]:
    """Brackets and commas of a value, and its levels."""
    if not isinstance(value, dict | list):
        return 0, 0
    inner = [count(child) for child in (value.values() if isinstance(value, dict) else value)]
    return 1 + max(len(inner) - 1, 0) + sum(marks for marks, _ in inner), 1 + max((d for _, d in inner), default=0)


@given(json_values, st.integers(1, 3))
def test_any_document_is_counted_exactly(value: Any, padding: int) -> None:
    text = "[" * 200 + '\\"' * padding  # more brackets than may pass without exact counting
    body = json.dumps([text, value]).encode()
    marks, levels = count([text, value])
    if levels <= MAX_DEPTH and marks <= 10_000:
        assert check_structure(body, 10_000_000) == marks
