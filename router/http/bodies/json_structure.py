"""Bounds a JSON document by its bytes, before any object is made of it.

Each empty list of a body costs 3 bytes of it and 64 of memory, and each level of nesting one of the parser's stack. So
brackets, commas and colons outside strings are counted first. Slice by slice, so that other threads can run in between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate

from router.schemas.errors import ApiError

MAX_DEPTH = 100
"""Levels of nested objects and lists in a body."""
VALUES_PER_CONTAINER = 20
"""A body may have one list or object for this many of the values that it may have."""
VALUES_PER_NAME = 10
"""The same for names in objects."""

_SLICE_BYTES = 64 * 1024
_DROPPED = bytes(set(range(256)) - set(b'"[]{},:'))
_STRING = re.compile(rb'"[^"]*"')
_ESCAPED = re.compile(rb"\\*.?", re.DOTALL)
_STEPS = [(chr(byte) in "[{") - (chr(byte) in "]}") for byte in range(256)]


def check_structure(body: bytes, max_values: int) -> int:
    """Check the number of values and levels in ``body``; returns the number of values, or a higher one.

    Raises:
        ApiError: 400, it is nested deeper than ``MAX_DEPTH``; 413, it has more than ``max_values`` values, or a
            twentieth of that in lists and objects, or a tenth of it in names.
    """
    containers = body.count(b"[") + body.count(b"{")
    values = containers + body.count(b",")
    few_containers = containers <= min(MAX_DEPTH, max_values // VALUES_PER_CONTAINER)
    if values <= max_values and few_containers and body.count(b":") <= max_values // VALUES_PER_NAME:
        return values
    return _counted(body, max_values)


def _counted(body: bytes, max_values: int) -> int:
    containers = commas = names = depth = 0
    max_containers, max_names = max_values // VALUES_PER_CONTAINER, max_values // VALUES_PER_NAME
    for marks in _outside_strings(body):
        opened = marks.count(b"[") + marks.count(b"{")
        containers += opened
        commas += marks.count(b",")
        names += marks.count(b":")
        if opened + depth > MAX_DEPTH:
            brackets = marks.translate(None, b",:")
            if max(accumulate(map(_STEPS.__getitem__, brackets), initial=depth)) > MAX_DEPTH:
                raise ApiError(400, f"body: expected at most {MAX_DEPTH} levels of nesting, got more")
        if containers > max_containers:
            raise _too_many(max_containers, "lists and objects", "a twentieth of ")
        if names > max_names:
            raise _too_many(max_names, "names in objects", "a tenth of ")
        if containers + commas > max_values:
            raise _too_many(max_values, "values")
        depth += opened - marks.count(b"]") - marks.count(b"}")
    return containers + commas


def _too_many(most: int, what: str, share: str = "") -> ApiError:
    return ApiError(413, f"body: expected at most {most} {what} ({share}--max-json-values), got more")


def _outside_strings(body: bytes) -> Iterator[bytes]:
    """The brackets, commas and colons of each slice that are not in strings."""
    start, in_string = 0, False
    while start < len(body):
        end = start + _SLICE_BYTES
        if body[end - 1 : end] == b"\\":  # a slice must not end between a backslash and what it escapes
            match = _ESCAPED.match(body, end)
            end = match.end() if match else end
        marks = body[start:end]
        if b"\\" in marks:
            marks = marks.replace(b"\\\\", b"").replace(b'\\"', b"")
        marks = marks.translate(None, _DROPPED)
        starts_in_string = in_string
        in_string ^= bool(marks.count(b'"') % 2)
        marks = b'"' * starts_in_string + marks + b'"' * in_string
        yield _STRING.sub(b"", marks) if b'"' in marks else marks
        start = end
