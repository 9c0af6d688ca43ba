"""Requests with random schemas, by function call and by ``response_format``, whose answers must satisfy them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema

from tests.support.running_server import RunningServer

WORDS = ("name", "age", "city", "price", "tags", "items", "status", "note", "date", "amount", "email", "address")
PROMPTS = (
    "Extract Jason is 25 years old",
    "Order 3 apples and 2 pears for Maria in Lisbon by Friday",
    "Book a table for four at eight, window seat, name of Okafor",
    "The invoice of 12 May is over 1,204.50 euros and still open",
    'He said: "quotes, \\backslashes\\ and {braces}"!',
)


def satisfied_schemas(server: RunningServer, numbers: Iterable[int]) -> int:
    """Ask for answers to these numbered schemas, sixteen at once, and check each; returns how many there were."""
    with ThreadPoolExecutor(16) as pool:
        return len(list(pool.map(lambda number: _answer(server, number), numbers)))


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
