"""What a parameter's schema says of how its value is written between tags."""

from __future__ import annotations

import ast
import itertools
import json
from collections.abc import Iterator
from typing import Any

from workers.chat.parsing.literals import json_text

MAX_LITERAL = 100_000
MAX_DIGITS = 4000
MAX_SCHEMA_DEPTH = 32
MAX_SCHEMA_PARTS = 4000
ALL_TYPES = frozenset({"string", "integer", "number", "boolean", "null", "object", "array"})


def types_of(schema: Any, root: Any, known: dict[str, frozenset[str]] | None = None, depth: int = 0) -> frozenset[str]:
    """The JSON types that a schema allows, all of them if it does not tell.

    Args:
        schema: the schema.
        root: the one in which it stands, for its references.
        known: the types behind references that were followed already.
        depth: how many schemas it is in.
    """
    known = {} if known is None else known
    if not isinstance(schema, dict) or depth > MAX_SCHEMA_DEPTH:
        return ALL_TYPES
    if isinstance(reference := schema.get("$ref"), str):
        if reference not in known:
            known[reference] = frozenset()  # what refers to itself allows nothing more by that
            known[reference] = types_of(_target(reference, root), root, known, depth + 1)
        return known[reference]
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
            return frozenset().union(*(types_of(branch, root, known, depth + 1) for branch in schema[key]))
    if isinstance(schema.get("allOf"), list):
        allowed = ALL_TYPES
        for branch in schema["allOf"]:
            allowed &= types_of(branch, root, known, depth + 1)
        return allowed
    if "properties" in schema:
        return frozenset({"object"})
    return frozenset({"array"}) if "items" in schema else ALL_TYPES


def branches(schema: Any, root: Any, followed: set[str] | None = None, depth: int = 0) -> Iterator[dict[str, Any]]:
    """A schema's alternatives, or the schema itself. References are ``followed`` once."""
    followed = set() if followed is None else followed
    if not isinstance(schema, dict) or depth > MAX_SCHEMA_DEPTH:
        return
    if isinstance(reference := schema.get("$ref"), str):
        if reference not in followed:
            followed.add(reference)
            yield from branches(_target(reference, root), root, followed, depth + 1)
        return
    alternatives = [b for key in ("anyOf", "oneOf", "allOf") for b in schema.get(key) or [] if isinstance(b, dict)]
    if not alternatives:
        yield schema
    for branch in alternatives:
        yield from branches(branch, root, followed, depth + 1)


def property_names(schema: Any) -> set[str]:
    """The names of all properties, at any depth, in the first ``MAX_SCHEMA_PARTS`` parts of a schema."""
    names, parts = set[str](), [schema]
    for part in itertools.islice(parts, MAX_SCHEMA_PARTS):  # grows meanwhile
        if isinstance(part, dict):
            names.update(part["properties"] if isinstance(part.get("properties"), dict) else ())
            parts += part.values()
        elif isinstance(part, list):
            parts += part
    return names


def json_value(text: str, types: frozenset[str]) -> str:
    """The JSON for a value between tags, whose schema allows these types."""
    if types == {"string"}:
        return f'"{json_text(text)}"'
    stripped = text.strip()
    if not stripped and types and types <= {"object", "array", "null"}:
        return "{}" if "object" in types else "[]" if "array" in types else "null"
    try:
        value = json.loads(stripped, parse_int=_integer, parse_constant=_refused)
    except (ValueError, RecursionError):
        try:
            value = ast.literal_eval(stripped if len(stripped) <= MAX_LITERAL else "")
            stripped = json.dumps(value, ensure_ascii=False, allow_nan=False)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return f'"{json_text(text)}"'
    kind = _type_of(value)
    fits = kind in types or (kind == "integer" and "number" in types) or "string" not in types
    return stripped if fits else f'"{json_text(text)}"'


def _integer(text: str) -> int:
    """The number, or any for one that is longer than Python reads."""
    return int(text) if len(text) <= MAX_DIGITS else 0


def _refused(constant: str) -> object:
    raise ValueError(f"expected JSON, got {constant}")


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
