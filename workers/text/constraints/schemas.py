"""Prepares JSON schemas for constrained decoding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

BRANCHING = ("allOf", "anyOf", "oneOf")
COMBINING = ("$ref", *BRANCHING, "patternProperties", "unevaluatedProperties", "$dynamicRef")
LISTING = ("enum", "const")
OWN_MEMBERS = ("properties", "patternProperties", "additionalProperties", "required", "minProperties", "maxProperties")
NO_SCHEMAS = ("enum", "const", "default", "examples", "required")
MAPS = ("properties", "$defs", "definitions", "patternProperties")


def close_objects(schema: Any) -> Any:
    """A copy of ``schema`` whose objects allow only the listed properties.

    JSON Schema allows others by default, and small models add them without end. A text that fits the closed schema
    also fits the open one. Objects stay open where another schema says something of the same value, since each would
    forbid the properties of the other, where they need more properties than are listed, and where an ``enum`` or
    ``const`` lists whole values.
    """
    return _closed(schema, _combined(schema))


def mentions(schema: Any, keyword: str) -> bool:
    """Whether a schema contains a keyword, or a property of that name, at any depth."""
    if isinstance(schema, list):
        return any(mentions(item, keyword) for item in schema)
    if isinstance(schema, dict):
        return keyword in schema or any(mentions(value, keyword) for value in schema.values())
    return False


def _closed(schema: Any, combined: set[int]) -> Any:
    if isinstance(schema, list):
        return [_closed(item, combined) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed_member(key, value, combined) for key, value in schema.items()}
    if id(schema) not in combined and _may_be_closed(schema):
        closed["additionalProperties"] = False
    return closed


def _closed_member(key: str, value: Any, combined: set[int]) -> Any:
    """Close the schemas in a keyword's value. In ``properties`` and the like, keys are names, not keywords."""
    if key in NO_SCHEMAS:
        return value
    if key in MAPS and isinstance(value, dict):
        return {name: _closed(schema, combined) for name, schema in value.items()}
    return _closed(value, combined)


def _may_be_closed(schema: dict[str, Any]) -> bool:
    """Whether an object can do with the properties that it lists."""
    properties, required = schema.get("properties"), schema.get("required", [])
    open_by = ("additionalProperties", *COMBINING, *LISTING)
    if not isinstance(properties, dict) or any(key in schema for key in open_by):
        return False
    least = schema.get("minProperties", 0)
    return (
        (not isinstance(required, list) or all(name in properties for name in required if isinstance(name, str)))
        and isinstance(least, int)
        and least <= sum(part is not False for part in properties.values())
    )


def _combined(root: Any) -> set[int]:
    """The ids (of Python) of the schemas beside which another says something of the same value."""
    combined = set[int]()
    seen = set[tuple[int, bool]]()
    waiting: list[tuple[Any, bool]] = [(root, False)]
    while waiting:
        schema, beside = waiting.pop()
        if not isinstance(schema, dict) or (id(schema), beside) in seen or (id(schema), True) in seen:
            continue
        seen.add((id(schema), beside))
        if beside:
            combined.add(id(schema))
        waiting += _parts(schema, root, beside)
    return combined


def _parts(schema: dict[str, Any], root: Any, beside: bool) -> Iterator[tuple[Any, bool]]:
    """The schemas within one and that it refers to, and whether there are others beside each."""
    own = any(key in schema for key in OWN_MEMBERS)
    branching = [key for key in BRANCHING if isinstance(schema.get(key), list)]
    reference = schema.get("$ref")
    shared = beside or own or len(branching) + (reference is not None) > 1
    if isinstance(reference, str) and reference.startswith("#"):
        yield _target(reference, root), shared
    for key in branching:
        for branch in schema[key]:
            yield branch, shared or (key == "allOf" and len(schema[key]) > 1)
    inner = beside or (own and (bool(branching) or reference is not None))
    for key, value in schema.items():
        if key in branching or key in NO_SCHEMAS or key in ("$defs", "definitions"):
            continue
        if key in MAPS and isinstance(value, dict):
            yield from ((part, inner) for part in value.values())
        else:
            yield from ((part, inner) for part in (value if isinstance(value, list) else [value]))


def _target(reference: str, root: Any) -> Any:
    """What a reference by pointer leads to, None if there is nothing."""
    part = root
    for name in reference[1:].split("/")[1:]:
        name = name.replace("~1", "/").replace("~0", "~")
        if isinstance(part, list):
            part = part[int(name[:9])] if name.isdecimal() and int(name[:9]) < len(part) else None
        else:
            part = part.get(name) if isinstance(part, dict) else None
    return part
