"""Single values beside schemas: whether they fit, and whether two are the same."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

from workers.text.constraints.enforcing.keywords import is_exact, is_number, types_of

MAX_DEPTH = 16

Definition = Callable[[str], Any]
"""The schema that a normalised ``$ref`` leads to."""


def value_key(value: Any) -> str:
    """A text that is the same for equal values of JSON only: 1 and 1.0 are equal, 1 and true are not."""
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else value


def type_of(value: Any) -> str:
    """The narrowest type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def listed_values(schema: dict[str, Any]) -> list[Any] | None:
    """The values of ``const`` or ``enum``; None if a schema has neither."""
    if "const" in schema:
        return [schema["const"]]
    return schema.get("enum")


def all_exact(value: Any) -> bool:
    """Whether llguidance writes each number in a value as it is."""
    if isinstance(value, list):
        return all(map(all_exact, value))
    if isinstance(value, dict):
        return all(map(all_exact, value.values()))
    return not is_number(value) or is_exact(value)


def may_fit(value: Any, schema: Any, definition: Definition, depth: int = 0) -> bool:
    """Whether a value may satisfy a normalised schema. False is certain; patterns, for one, are not looked at."""
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return schema is not False
    if type_of(value) not in types_of(schema):
        return False
    listed = listed_values(schema)
    if listed is not None and value_key(value) not in map(value_key, listed):
        return False
    return all(_branches(value, schema, definition, depth)) and _fits_limits(value, schema, definition, depth)


def _branches(value: Any, schema: dict[str, Any], definition: Definition, depth: int) -> Iterator[bool]:
    def fits(part: Any) -> bool:
        return may_fit(value, part, definition, depth + 1)

    if "$ref" in schema:
        yield fits(definition(schema["$ref"]))
    yield all(map(fits, schema.get("allOf", [])))
    for key in ("anyOf", "oneOf"):
        if key in schema:
            yield any(map(fits, schema[key]))


def _fits_limits(value: Any, schema: dict[str, Any], definition: Definition, depth: int) -> bool:
    if is_number(value):
        return bool(
            schema.get("minimum", value) <= value <= schema.get("maximum", value)
            and not value <= schema.get("exclusiveMinimum", -math.inf)
            and not value >= schema.get("exclusiveMaximum", math.inf)
        )
    if isinstance(value, str):
        return bool(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)))
    if isinstance(value, list):
        return bool(schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)))
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        if not all(name in value for name in schema.get("required", [])):
            return False
        return all(may_fit(item, properties.get(name, {}), definition, depth + 1) for name, item in value.items())
    return True
