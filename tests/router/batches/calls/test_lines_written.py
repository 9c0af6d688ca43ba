"""What of a body is read before it is run, and the lines of output files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from router.batches.calls.body import facts_of
from router.batches.calls.results import LineAnswer, answered, unanswered
from router.batches.records import InputLine
from router.schemas.errors import ApiError

LINE = InputLine(1, 'my "id"', 0, 10)


@pytest.mark.parametrize(
    ("body", "model", "jobs"),
    [
        ({}, "", 1),
        ({"model": "smol", "n": 3}, "smol", 3),
        ({"prompt": ["a", "b"], "n": 2}, "", 4),
        ({"prompt": [1, 2, 3]}, "", 1),
        ({"prompt": [[1, 2], [3]]}, "", 2),
        ({"model": 7, "n": "x", "stream": False}, "", 1),
    ],
)
def test_a_body_says_its_model_and_how_many_jobs_it_takes(body: dict[str, Any], model: str, jobs: int) -> None:
    facts = facts_of(json.dumps(body).encode())
    assert (facts.model, facts.jobs) == (model, jobs)


@pytest.mark.parametrize(
    "body", [b'{"model":"\xff"}', b'{"n":1e999}', b'{"prompt":[1e999]}', b'{"n":%s}' % (b"9" * 5000)]
)
def test_what_cannot_be_read_is_left_to_the_endpoint(body: bytes) -> None:
    facts = facts_of(body)
    assert (facts.model, facts.jobs) == ("", 1)


@pytest.mark.parametrize("name", ["stream", "background"])
def test_streams_and_background_answers_are_refused(name: str) -> None:
    with pytest.raises(ApiError, match=f"{name}: expected false in a batch, got True") as raised:
        facts_of(json.dumps({name: True}).encode())
    assert (raised.value.status, raised.value.param) == (400, name)


def test_an_answer_is_put_into_its_line_byte_for_byte() -> None:
    text = answered(LINE, LineAnswer(200, '{"a": 1.50, "b": "é"}'.encode(), True, "request"))
    assert '"body":{"a": 1.50, "b": "é"}'.encode() in text
    assert b"\n" not in text
    line = json.loads(text)
    assert line["custom_id"] == 'my "id"'
    assert line["response"] == {"status_code": 200, "request_id": "request", "body": {"a": 1.5, "b": "é"}}


@pytest.mark.parametrize(
    ("body", "is_json", "read"),
    [(b'{\n "a": 1\r\n}', True, {"a": 1}), (b"plain\ntext", False, "plain\ntext"), (b"", True, None)],
)
def test_other_answers_become_one_line_too(body: bytes, is_json: bool, read: Any) -> None:
    text = answered(LINE, LineAnswer(200, body, is_json, "request"))
    assert len(text.splitlines()) == 1
    assert json.loads(text)["response"]["body"] == read


def test_only_answers_with_a_status_of_success_are_no_errors() -> None:
    statuses = [200, 201, 199, 300, 400, 429, 500]
    errors = [LineAnswer(status, b"{}", True, "request").is_error for status in statuses]
    assert errors == [False, False, True, True, True, True, True]


def test_a_line_that_was_not_run_says_why() -> None:
    line = json.loads(unanswered(LINE, "batch_expired", "late"))
    assert line.pop("id").startswith("batch_req_")
    assert line == {
        "custom_id": 'my "id"',
        "response": None,
        "error": {"code": "batch_expired", "message": "late"},
    }
