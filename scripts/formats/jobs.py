"""Random requests whose answers are constrained."""

from __future__ import annotations

import random
from typing import Any

from scripts.formats.chats import tool
from shared.wire.jobs import Constraint, ConstraintKind, Sampling, TextJob, ToolChoice

MAX_TOKENS = (24, 200)
"""Shortest and longest budget."""


def _object(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), **more}


_WEATHER = _object(
    {
        "city": {"type": "string"},
        "days": {"type": "integer", "minimum": 1, "maximum": 14},
        "unit": {"type": "string", "enum": ["C", "F"]},
        "precise": {"type": "boolean"},
    },
    "city",
    "days",
)
_BOOKING = _object(
    {
        "who": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
        "where": _object({"lat": {"type": "number"}, "name": {"type": ["string", "null"]}}, "lat"),
        "code": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{3}$"},
    },
    "who",
    "where",
    "code",
)
_PERIOD = _object(
    {
        "from": {"type": "string", "format": "date"},
        "level": {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 9}, {"const": "high"}, {"type": "null"}]},
        "ids": {"type": "array", "items": {"type": "integer"}, "maxItems": 4},
    },
    "from",
    "level",
)
_ODD_NAMES = _object(
    {"user-id": {"type": "integer"}, "größe": {"type": "string", "maxLength": 12}, "$filter": {"type": "boolean"}},
    "user-id",
    "größe",
)
_TREE = _object(
    {"root": {"$ref": "#/$defs/node"}},
    "root",
    **{
        "$defs": {
            "node": _object(
                {
                    "value": {"type": "number"},
                    "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                },
                "value",
            )
        }
    },
)
_OPEN = {"type": "object", "properties": {"tags": {"type": "object", "additionalProperties": {"type": "string"}}}}

SCHEMAS: dict[str, dict[str, Any]] = {
    "get_weather": _WEATHER,
    "book-table": _BOOKING,
    "set_period": _PERIOD,
    "odd_names": _ODD_NAMES,
    "store_tree": _TREE,
    "tag": _OPEN,
    "ping": {"type": "object", "properties": {}},
    "note": _object({"text": {"type": "string", "minLength": 3}}, "text"),
}
"""Parameters by function."""

WANTS = ("required", "auto", "named", "schema", "schema and tools")


def random_job(draw: random.Random, wants: str) -> TextJob:
    """A request for one of :data:`WANTS`, greedy and with a budget that may be too small."""
    functions = draw.sample(sorted(SCHEMAS), draw.randint(1, 3))
    schema = SCHEMAS[draw.choice(("get_weather", "book-table", "set_period", "store_tree"))]
    has_tools, has_schema = wants != "schema", wants.startswith("schema")
    choice = {"required": ToolChoice.REQUIRED, "named": ToolChoice.NAMED, "schema": ToolChoice.NONE}
    thinking: dict[str, Any] = {} if draw.random() < 0.4 else {"enable_thinking": draw.random() < 0.6}
    return TextJob(
        messages=[{"role": "user", "content": "Hello there"}],
        tools=[tool(name, SCHEMAS[name]) for name in functions] if has_tools else [],
        tool_choice=choice.get(wants, ToolChoice.AUTO),
        tool_name=functions[0] if wants == "named" else None,
        parallel_tool_calls=wants != "named" and draw.random() < 0.7,
        template_options=thinking,
        constraint=Constraint(ConstraintKind.JSON_SCHEMA, schema) if has_schema else None,
        sampling=Sampling(temperature=0.0),
        max_tokens=draw.randint(*MAX_TOKENS),
        thinking_budget_tokens=draw.choice((None, None, None, 0, 10)),
    )
