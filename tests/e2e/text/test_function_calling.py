"""Calls and formatted answers always satisfy their schema."""

from __future__ import annotations

import json

from tests.support.random_schemas import satisfied_schemas
from tests.support.running_server import RunningServer

USER_DETAIL = {
    "name": "UserDetail",
    "parameters": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "The user's name"},
            "age": {"type": "integer", "description": "The user's age"},
        },
        "required": ["name", "age"],
    },
}


def test_documented_call(server: RunningServer, form: str) -> None:
    body = {
        "messages": [{"role": "user", "content": "Extract Jason is 25 years old"}],
        "tools": [{"type": "function", "function": USER_DETAIL}],
        "tool_choice": "auto",
    }
    answer = server.post("/v1/function-calling", body)
    choice = answer["choices"][0]
    message = choice["message"]
    assert choice["finish_reason"] == "tool_calls"
    assert message["content"] is None
    assert message["tool_calls"][0]["id"].startswith("call__0_UserDetail_cmpl-")
    assert message["function_call"] == message["tool_calls"][0]["function"]
    arguments = json.loads(message["function_call"]["arguments"])
    if form == "onnx":  # its weights are coarser: the name is another word
        assert isinstance(arguments.pop("name"), str)
        assert arguments == {"age": 25}
    else:
        assert arguments == {"name": "Jason", "age": 25}


def test_sixteen_schemas_at_once(server: RunningServer) -> None:
    assert satisfied_schemas(server, range(16)) == 16


def test_named_function_is_called(server: RunningServer) -> None:
    other = {"name": "other", "parameters": {"type": "object", "properties": {}}}
    body = {
        "messages": [{"role": "user", "content": "Extract Jason is 25 years old"}],
        "tools": [{"type": "function", "function": function} for function in (USER_DETAIL, other)],
        "tool_choice": {"type": "function", "function": {"name": "other"}},
    }
    call = server.post("/v1/function-calling", body)["choices"][0]["message"]["function_call"]
    assert call == {"name": "other", "arguments": "{}"}


def test_unsupported_keyword_is_named(server: RunningServer) -> None:
    parameters = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
    body = {
        "messages": [{"role": "user", "content": "x"}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": parameters}}],
    }
    answer = server.client.post("/v1/function-calling", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "tools"
    assert "uniqueItems" in answer.json()["error"]["message"]


def test_budget_too_small_for_any_answer_is_refused(server: RunningServer) -> None:
    body = {
        "messages": [{"role": "user", "content": "x"}],
        "tools": [{"type": "function", "function": USER_DETAIL}],
        "max_tokens": 5,
    }
    answer = server.client.post("/v1/function-calling", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "max_tokens"
