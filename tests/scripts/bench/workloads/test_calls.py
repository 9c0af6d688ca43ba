from __future__ import annotations

from typing import Any

import pytest

from scripts.bench.workloads.calls import CALL_FORMS, JSON_SCHEMA, valid, valid_call
from scripts.bench.workloads.catalog import best_form


def message(*arguments: str, name: str = "UserDetail") -> dict[str, Any]:
    return {"content": None, "tool_calls": [{"function": {"name": name, "arguments": text}} for text in arguments]}


def test_a_call_that_satisfies_the_schema_is_valid() -> None:
    assert valid_call(message('{ "name": "Jason", "age": 25 }'))


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"content": "Jason is 25"},
        {"content": None, "tool_calls": None},
        message(),
        message('{"name": "Jason", "age": 25}', '{"name": "Jason", "age": 25}'),
        message('{"name": "Jason", "age": 25}', name="Person"),
        message('{"name": "Jason"}'),
        message('{"name": "Jason", "age": "25"}'),
        message('{"name": "Jason", "age": true}'),
        message('{"name": 25, "age": 25}'),
        message('{"name": "Jason", "age": 2'),
        message('["Jason", 25]'),
        message(""),
    ],
)
def test_any_other_message_is_invalid(wrong: dict[str, Any]) -> None:
    assert not valid_call(wrong)


def test_an_answer_is_checked_by_the_form_of_its_request() -> None:
    in_words = {"role": "assistant", "content": '{\n "name": "Jason", "age": 25}'}
    assert valid(in_words, JSON_SCHEMA)
    assert not valid(in_words, "named")
    assert not valid(message('{"name": "Jason", "age": 25}'), JSON_SCHEMA)


def test_a_call_is_preferred_to_json_that_is_equally_often_valid() -> None:
    assert list(CALL_FORMS)[-1] == JSON_SCHEMA
    assert best_form({"named": 4, "required": 4, JSON_SCHEMA: 4}) == "named"
    assert best_form({"named": 0, "required": 1, JSON_SCHEMA: 4}) == JSON_SCHEMA
    assert best_form(dict.fromkeys(CALL_FORMS, 0)) == "named"
