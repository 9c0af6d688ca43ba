"""What a parameter's schema says of how its value is written between tags."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from typing import Any

from workers.chat.parsing.literals import json_text

ALL_TYPES = frozenset({"string", "integer", "number", "boolean", "null", "object", "array"})


def types_of(schema: Any, root: Any, depth: int = 8) -> frozenset[str]:
    """The JSON types that a schema allows, all of them if it does not tell."""
    if not isinstance(schema, dict) or depth == 0:
        return ALL_TYPES
    if isinstance(schema.get("$ref"), str):
        return types_of(_target(schema["$ref"], root), root, depth - 1)
    if "const" in schema or isinstance(schema.get("enum"), list):
        values = [schema["const"]] if "const" in schema else schema["enum"]
        return frozenset(_type_of(value) for value in values)
    declared = schema.get("type")
    if isinstance(declared, str):
        return frozenset({declared})
    if isinstance(declared, list):
        return frozenset(kind for kind in declared if isinstance(kind, str))
    for key in ("anyOf", "oneOf"):
        if isinstance(schema.get(key), list):
            return frozenset().union(*(types_of(branch, root, depth - 1) for branch in schema[key]))
    if isinstance(schema.get("allOf"), list):
        allowed = ALL_TYPES
        for branch in schema["allOf"]:
            allowed &= types_of(branch, root, depth - 1)
        return allowed
    if "properties" in schema:
        return frozenset({"object"})
    return frozenset({"array"}) if "items" in schema else ALL_TYPES


def branches(schema: Any, root: Any, depth: int = 8) -> Iterator[dict[str, Any]]:
    """A schema's alternatives, or the schema itself."""
    if not isinstance(schema, dict) or depth == 0:
        return
    if isinstance(schema.get("$ref"), str):
        yield from branches(_target(schema["$ref"], root), root, depth - 1)
        return
    alternatives = [b for key in ("anyOf", "oneOf", "allOf") for b in schema.get(key, []) if isinstance(b, dict)]
    if not alternatives:
        yield schema
    for branch in alternatives:
        yield from branches(branch, root, depth - 1)


def json_value(text: str, types: frozenset[str]) -> str:
    """The JSON for a value between tags, whose schema allows these types."""
    if types == {"string"}:
        return f'"{json_text(text)}"'
    stripped = text.strip()
    try:
        value = json.loads(stripped)
    except ValueError:
        try:
            value = ast.literal_eval(stripped)
            stripped = json.dumps(value, ensure_ascii=False)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return f'"{json_text(text)}"'
    kind = _type_of(value)
    fits = kind in types or (kind == "integer" and "number" in types) or "string" not in types
    return stripped if fits else f'"{json_text(text)}"'


def _target(reference: str, root: Any) -> Any:
    if not reference.startswith("#"):
        return None
    for name in reference.removeprefix("#").split("/"):
        name = name.replace("~1", "/").replace("~0", "~")
        if name:
            root = root.get(name) if isinstance(root, dict) else None
    return root


def _type_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
