"""A function call, the forms in which servers can be asked for it, and the check of the answer.

Not every server supports every form: ``llama_cpp.server`` fails unless the function is named, and llama-server ignores
``tools`` if the model's chat template does not support them, but follows a JSON schema.
"""

from __future__ import annotations

import json
from typing import Any

FUNCTION: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "UserDetail",
        "parameters": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "description": "The user's name"},
                "age": {"type": "integer", "description": "The user's age"},
            },
            "required": ["name", "age"],
        },
    },
}
NAME: str = FUNCTION["function"]["name"]
CALL_TOKENS = 128

JSON_SCHEMA = "json_schema"
CALL_FORMS: dict[str, dict[str, Any]] = {
    "named": {"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": NAME}}},
    "required": {"tools": [FUNCTION], "tool_choice": "required"},
    JSON_SCHEMA: {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": NAME, "schema": FUNCTION["function"]["parameters"]},
        }
    },
}
"""The fields of a request in each form: two for a function call, and one for its arguments as text."""


def valid(message: dict[str, Any], form: str) -> bool:
    """Whether an answer's message is valid for the form of its request."""
    return _satisfies_schema(message.get("content")) if form == JSON_SCHEMA else valid_call(message)


def valid_call(message: dict[str, Any]) -> bool:
    """Whether a message holds exactly one call of :data:`FUNCTION`, with arguments that satisfy its schema."""
    calls = message.get("tool_calls") or []
    if len(calls) != 1 or calls[0]["function"]["name"] != NAME:
        return False
    return _satisfies_schema(calls[0]["function"]["arguments"])


def _satisfies_schema(text: str | None) -> bool:
    try:
        arguments = json.loads(text or "")
    except ValueError:
        return False
    return isinstance(arguments, dict) and isinstance(arguments.get("name"), str) and type(arguments.get("age")) is int
