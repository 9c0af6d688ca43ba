"""Prepares JSON schemas for constrained decoding."""

from __future__ import annotations

from typing import Any

COMBINING = ("$ref", "allOf", "anyOf", "oneOf", "patternProperties", "unevaluatedProperties", "$dynamicRef")


def close_objects(schema: Any) -> Any:
    """A copy of ``schema`` whose objects allow only the listed properties.

    JSON Schema allows others by default, and small models add them without end. A text that fits the closed schema
    also fits the open one. Objects combined from several schemas stay open, since each part would forbid the
    properties of the others.
    """
    return schema if _combines_schemas(schema) else _closed(schema)


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {
        key: value if key in ("enum", "const", "default", "examples", "required") else _closed_member(key, value)
        for key, value in schema.items()
    }
    if "properties" in closed and "additionalProperties" not in closed and not any(key in closed for key in COMBINING):
        closed["additionalProperties"] = False
    return closed


def _closed_member(key: str, value: Any) -> Any:
    """Close the schemas in a keyword's value. In ``properties`` and the like, keys are names, not keywords."""
    if key in ("properties", "$defs", "definitions", "patternProperties") and isinstance(value, dict):
        return {name: _closed(schema) for name, schema in value.items()}
    return _closed(value)


def mentions(schema: Any, keyword: str) -> bool:
    """Whether a schema contains a keyword, or a property of that name, at any depth."""
    if isinstance(schema, list):
        return any(mentions(item, keyword) for item in schema)
    if isinstance(schema, dict):
        return keyword in schema or any(mentions(value, keyword) for value in schema.values())
    return False


def _combines_schemas(schema: Any) -> bool:
    """Whether any object in the schema is combined from several schemas."""
    if isinstance(schema, list):
        return any(_combines_schemas(item) for item in schema)
    if not isinstance(schema, dict):
        return False
    own = any(key in schema for key in ("properties", "patternProperties", "required"))
    joined = "allOf" in schema or (own and any(key in schema for key in ("$ref", "anyOf", "oneOf")))
    return joined or any(_combines_schemas(value) for value in schema.values())
