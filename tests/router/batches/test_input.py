"""The check of an input file, line by line."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

import router.batches.input
from router.batches.input import InputCheck, read_bodies
from router.batches.records import InputLine
from tests.support.batches.running_app import chat_line, jsonl

ENDPOINT = "/v1/chat/completions"


def checked(content: bytes, max_body_bytes: int = 10_000) -> tuple[list[InputLine], list[dict[str, Any]]]:
    check = InputCheck(io.BytesIO(content), ENDPOINT, max_body_bytes, 10_000)
    lines: list[InputLine] = []
    while (part := check.next_lines()) is not None:
        lines += part
    return lines, check.errors


def error_of(line: Any) -> tuple[str, str, str | None]:
    """Code, message and param of what is wrong with a line."""
    text = line if isinstance(line, bytes) else json.dumps(line).encode()
    lines, errors = checked(text + b"\n")
    assert lines == []
    (error,) = errors
    assert error["line"] == 1
    return error["code"], error["message"], error["param"]


def test_right_lines_are_found_with_their_places() -> None:
    content = b"\xef\xbb\xbf" + jsonl([chat_line("a", "x")]) + b"\n  \n" + jsonl([chat_line("b", "é")]).rstrip(b"\n")
    lines, errors = checked(content)
    assert errors == []
    assert [(line.number, line.custom_id) for line in lines] == [(1, "a"), (4, "b")]
    bodies = read_bodies(io.BytesIO(content), lines)
    assert [json.loads(body) for body in bodies] == [chat_line("a", "x")["body"], chat_line("b", "é")["body"]]


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"custom_id": None}, "invalid_custom_id", "custom_id: expected a string, got None"),
        ({"custom_id": 7}, "invalid_custom_id", "custom_id: expected a string, got 7"),
        ({"custom_id": ""}, "invalid_custom_id", "custom_id: expected 1 to 512 characters, got ''"),
        ({"method": "GET"}, "invalid_method", "method: expected POST, got 'GET'"),
        (
            {"url": "/v1/completions"},
            "mismatched_url",
            "url: expected /v1/chat/completions, the batch's endpoint, got '/v1/completions'",
        ),
        ({"body": "text"}, "invalid_body", "body: expected an object, got 'text'"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], code: str, message: str) -> None:
    assert error_of({**chat_line("a"), **change}) == (code, message, next(iter(change)))


@pytest.mark.parametrize("name", ["custom_id", "method", "url", "body"])
def test_a_missing_field_is_named(name: str) -> None:
    line = {field: value for field, value in chat_line("a").items() if field != name}
    assert error_of(line) == ("missing_required_parameter", f"{name} is required", name)


@pytest.mark.parametrize(
    "text",
    [b"{", b"[]", b"null", b"\xff\xfe", b'{"custom_id": "\xff"}', b"[" * 5000, b'{"a": ' * 200 + b"1" + b"}" * 200],
)
def test_what_is_no_json_object_is_an_error_of_its_line(text: bytes) -> None:
    assert error_of(text)[0] == "invalid_json_line"


def test_a_custom_id_that_is_no_text_is_an_error_of_its_line() -> None:
    text = jsonl([chat_line("MARK")]).rstrip().replace(b"MARK", b"\\ud800")
    assert error_of(text)[0] == "invalid_json_line"


def test_an_id_that_comes_again_is_named_with_its_second_line() -> None:
    lines, errors = checked(jsonl([chat_line("a"), chat_line("b"), chat_line("a")]))
    assert [line.custom_id for line in lines] == ["a", "b"]
    assert [(error["line"], error["code"]) for error in errors] == [(3, "duplicate_custom_id")]


def test_a_line_that_is_too_long_is_skipped_as_a_whole() -> None:
    long = chat_line("long", "x" * 100_000)
    lines, errors = checked(jsonl([chat_line("a"), long, chat_line("b")]), max_body_bytes=100)
    assert [line.custom_id for line in lines] == ["a", "b"]
    assert [(error["line"], error["code"]) for error in errors] == [(2, "line_too_long")]


def test_an_input_without_requests_is_an_error_without_a_line() -> None:
    message = "input_file_id: expected a file with a request on each line, got none"
    expected = {"code": "empty_file", "line": None, "message": message, "param": None}
    assert checked(b"\n\n") == ([], [expected])


def test_too_many_lines_are_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.batches.input, "MAX_LINES", 3)
    _, errors = checked(jsonl([chat_line(str(number)) for number in range(9)]))
    assert [(error["line"], error["code"]) for error in errors] == [(4, "too_many_requests")]


def test_the_check_ends_when_there_are_very_many_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.batches.input, "MAX_ERRORS", 5)
    _, errors = checked(b"nonsense\n" * 50)
    assert [error["line"] for error in errors] == [1, 2, 3, 4, 5]


def test_slices_have_all_lines_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.batches.input, "SLICE_LINES", 3)
    lines, errors = checked(jsonl([chat_line(str(number)) for number in range(10)]) + b"\n")
    assert errors == []
    assert [line.custom_id for line in lines] == [str(number) for number in range(10)]
