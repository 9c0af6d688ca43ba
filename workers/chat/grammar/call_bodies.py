"""Grammars of single calls, in each of the formats."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from workers.chat.formats.chat_format import CallFormat, CallKind
from workers.chat.grammar.builder import GrammarBuilder, Literal, Name, joined
from workers.chat.grammar.notations import TaggedValues, ValueGrammar

_ID_SCHEMA = {"type": "string", "pattern": "^[A-Za-z0-9]{9}$"}

JsonSchema = Callable[[Any], Any]
"""Makes the schema of arguments, or of one argument, that is written as JSON."""


def call_bodies(
    builder: GrammarBuilder, calls: CallFormat, functions: Mapping[str, Any], json_schema: JsonSchema
) -> Name:
    """A call of one of the functions, without the markers around it.

    Args:
        builder: gets the rules.
        calls: how calls are written.
        functions: their parameters by name.
        json_schema: prepares a schema.
    """
    bodies = []
    for name, parameters in functions.items():
        body = _body(builder, calls, name, parameters, json_schema)
        bodies.append(builder.rule(builder.fresh("call"), body))
    return builder.rule(builder.fresh("any_call"), " | ".join(map(str, bodies)))


def _body(builder: GrammarBuilder, calls: CallFormat, name: str, parameters: Any, json_schema: JsonSchema) -> str:
    match calls.kind:
        case CallKind.JSON:
            return _json_body(builder, calls, name, json_schema(parameters))
        case CallKind.NAMED_JSON:
            after_name = joined(builder.marker(calls.after_name))
            return f"{Literal(name)} {after_name} {builder.json(json_schema(parameters))}"
        case CallKind.PYTHON:
            notation = ValueGrammar(builder, parameters, None, python=True)
            return f"{Literal(name)} {notation.object(parameters, '(', ')', '=', bare=True)}"
        case CallKind.DICT:
            notation = ValueGrammar(builder, parameters, calls.quote, python=False)
            return f"{Literal(name + calls.after_name)} {notation.object(parameters, '{', '}', ':', bare=True)}"
    assert calls.parameter is not None
    values = TaggedValues(
        builder, calls.parameter, parameters, lambda schema: _with_definitions(json_schema(schema), parameters)
    )
    return f"{Literal(name)} {joined(builder.marker(calls.after_name))} {values.members(parameters)}"


def _json_body(builder: GrammarBuilder, calls: CallFormat, name: str, schema: Any) -> str:
    keys = calls.keys
    arguments = str(builder.json(schema))
    if keys.name_is_key:
        return f"{Literal('{' + json.dumps(name) + ': ')} {arguments} {Literal('}')}"
    before = "".join(f"{json.dumps(key)}: {json.dumps(value)}, " for key, value in keys.more.items())
    inside = f"{json.dumps(keys.inside)}: {{" if keys.inside else ""
    head = f"{{{before}{inside}{json.dumps(keys.name)}: {json.dumps(name)}, {json.dumps(keys.arguments)}: "
    identifier = ""
    if keys.id:
        identifier = f"{Literal(', ' + json.dumps(keys.id) + ': ')} {builder.json(_ID_SCHEMA)}"
    return f"{Literal(head)} {arguments} {identifier} {Literal('}}' if keys.inside else '}')}"


def _with_definitions(schema: Any, root: Any) -> Any:
    """The schema with the definitions of the whole, which it may refer to."""
    kept = {key: root[key] for key in ("$defs", "definitions") if isinstance(root, dict) and key in root}
    return {**kept, **schema} if isinstance(schema, dict) else schema
