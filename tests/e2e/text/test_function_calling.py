"""Calls and formatted answers always satisfy their schema: a hundred schemas and prompts, sixteen at once."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema

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
WORDS = ("name", "age", "city", "price", "tags", "items", "status", "note", "date", "amount", "email", "address")
PROMPTS = (
    "Extract Jason is 25 years old",
    "Order 3 apples and 2 pears for Maria in Lisbon by Friday",
    "Book a table for four at eight, window seat, name of Okafor",
    "The invoice of 12 May is over 1,204.50 euros and still open",
    'He said: "quotes, \\backslashes\\ and {braces}"!',
)


def test_documented_call(server: RunningServer) -> None:
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
    assert json.loads(message["function_call"]["arguments"]) == {"name": "Jason", "age": 25}


def test_a_hundred_schemas(server: RunningServer) -> None:
    numbers = range(100)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: _answer(server, number), numbers))
    assert len(answers) == 100


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


def _answer(server: RunningServer, number: int) -> None:
    """Every third schema goes through a function call, the others (whose prompts are shorter) through a format."""
    draw = random.Random(number)
    body = {
        "messages": [{"role": "user", "content": PROMPTS[number % len(PROMPTS)]}],
        "temperature": draw.choice((0, 0.7, 1.5)),
        "seed": number,
        "max_tokens": 80,
    }
    if number % 3 == 0:
        _call(server, body, [_function(draw, f"f{number}_{i}") for i in range(draw.choice((1, 1, 2)))], number % 2 == 0)
    else:
        _fill(server, body, _function(draw, f"f{number}"))


def _call(server: RunningServer, body: dict[str, Any], functions: list[dict[str, Any]], parallel: bool) -> None:
    tools = [{"type": "function", "function": function} for function in functions]
    body = {**body, "tools": tools, "parallel_tool_calls": parallel}
    message = server.post("/v1/function-calling", body)["choices"][0]["message"]
    schemas = {function["name"]: function["parameters"] for function in functions}
    assert message["tool_calls"]
    for call in message["tool_calls"]:
        arguments = json.loads(call["function"]["arguments"])
        jsonschema.validate(arguments, schemas[call["function"]["name"]])


def _fill(server: RunningServer, body: dict[str, Any], function: dict[str, Any]) -> None:
    named = {"name": function["name"], "schema": function["parameters"]}
    body = {**body, "response_format": {"type": "json_schema", "json_schema": named}}
    content = server.post("/v1/chat/completions", body)["choices"][0]["message"]["content"]
    jsonschema.validate(json.loads(content), function["parameters"])


def _function(draw: random.Random, name: str) -> dict[str, Any]:
    schema = _object(draw, depth=2)
    if draw.random() < 0.25:
        schema["$defs"] = {"part": _object(draw, depth=0)}
        schema["properties"]["part"] = {"$ref": "#/$defs/part"}
    return {"name": name, "parameters": schema}


def _object(draw: random.Random, depth: int) -> dict[str, Any]:
    names = draw.sample(WORDS, draw.randint(1, 3))
    properties = {name: _value(draw, depth) for name in names}
    required = [name for name in names if draw.random() < 0.7]
    return {"type": "object", "properties": properties, "required": required}


def _value(draw: random.Random, depth: int) -> dict[str, Any]:
    kinds: list[Callable[[], dict[str, Any]]] = [
        lambda: {"type": "string"},
        lambda: {"type": "string", "minLength": 1, "maxLength": 12},
        lambda: {"type": "string", "pattern": "^[A-Z]{2}[0-9]{3}$"},
        lambda: {"type": "string", "format": "date"},
        lambda: {"type": "integer", "minimum": -5, "maximum": 300},
        lambda: {"type": "number", "exclusiveMinimum": 0, "maximum": 10000},
        lambda: {"type": "boolean"},
        lambda: {"enum": ["open", "closed", 3, None]},
        lambda: {"const": "fixed"},
        lambda: {"type": ["string", "null"]},
        lambda: {"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 8}]},
    ]
    if depth > 0:
        kinds += [
            lambda: _object(draw, depth - 1),
            lambda: {"type": "array", "items": _value(draw, depth - 1), "minItems": 1, "maxItems": 3},
        ]
    return draw.choice(kinds)()
