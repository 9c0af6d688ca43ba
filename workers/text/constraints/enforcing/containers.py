"""Keeps what can be enforced of arrays and objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workers.text.constraints.enforcing.oracle import refused
from workers.text.constraints.enforcing.scalars import Drop, as_count

MAX_PATTERNS = 32
"""Of ``patternProperties`` of one object. llguidance compares each with each."""

Below = Callable[..., Any]
"""Normalises a part of a schema; further arguments name its place."""


def kept_array(schema: dict[str, Any], below: Below, drop: Drop) -> dict[str, Any]:
    """The keywords of arrays that can be enforced together. Tuples become ``prefixItems``, as in draft 2020-12."""
    kept = dict[str, Any]()
    items, rest = schema.get("items"), "items"
    prefix, first = schema.get("prefixItems"), "prefixItems"
    if isinstance(items, list):  # as in older drafts
        prefix, first = items, "items"
        items, rest = schema.get("additionalItems"), "additionalItems"
    if isinstance(prefix, list):
        kept["prefixItems"] = [below(part, first, str(at)) for at, part in enumerate(prefix)]
    elif prefix is not None:
        drop(first)
    if items is not None:
        kept["items"] = below(items, rest)
    return kept | _lengths(schema, kept, drop)


def _lengths(schema: dict[str, Any], kept: dict[str, Any], drop: Drop) -> dict[str, Any]:
    least, most = as_count(schema.get("minItems", 0)), as_count(schema["maxItems"]) if "maxItems" in schema else None
    if least is None:
        drop("minItems")
        least = 0
    if "maxItems" in schema and (most is None or most < least):
        drop("maxItems")
        most = None
    prefix = kept.get("prefixItems", [])
    possible = prefix.index(False) if False in prefix else len(prefix) if kept.get("items") is False else None
    if possible is not None and least > possible:
        drop("minItems")
        least = 0
    lengths = {"minItems": least} if least else {}
    return lengths if most is None else {**lengths, "maxItems": most}


def listed_names(schema: dict[str, Any]) -> list[str] | None:
    """The names of properties that ``propertyNames`` lists, if it does nothing else."""
    names = schema.get("propertyNames")
    if not isinstance(names, dict) or set(names) - {"type", "enum", "const"} or names.get("type", "string") != "string":
        return None
    listed = names.get("enum", [names["const"]] if "const" in names else None)
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        return None
    return None if "patternProperties" in schema else listed


def kept_object(schema: dict[str, Any], below: Below, drop: Drop) -> dict[str, Any]:
    """The keywords of objects that can be enforced together."""
    kept = dict[str, Any]()
    if "properties" in schema:
        given = schema["properties"]
        if isinstance(given, dict) or given == []:
            named = dict(given).items()
            kept["properties"] = {str(name): below(part, "properties", str(name)) for name, part in named}
        else:
            drop("properties")
    if "additionalProperties" in schema:
        kept["additionalProperties"] = below(schema["additionalProperties"], "additionalProperties")
    if "patternProperties" in schema:
        _keep_patterns(schema["patternProperties"], kept, below, drop)
    if (names := listed_names(schema)) is not None:
        _keep_names(names, kept)
    _keep_required(schema, kept, drop)
    _keep_counts(schema, kept, drop)
    return kept


def _keep_patterns(given: Any, kept: dict[str, Any], below: Below, drop: Drop) -> None:
    """Those of ``patternProperties`` that exclude each other. What fits others may be any additional property."""
    if not isinstance(given, dict):
        drop("patternProperties")
        return
    parts = {str(pattern): below(part, "patternProperties", str(pattern)) for pattern, part in given.items()}
    usable = _usable(list(parts))
    others = [parts[pattern] for pattern in parts if pattern not in usable]
    for pattern in [pattern for pattern in parts if pattern not in usable]:
        drop(f"patternProperties.{pattern}")
    if usable:
        kept["patternProperties"] = {pattern: part for pattern, part in parts.items() if pattern in usable}
    if others and "additionalProperties" in kept:
        allowed = [part for part in (kept["additionalProperties"], *others) if part is not False]
        kept["additionalProperties"] = {"anyOf": allowed} if len(allowed) > 1 else allowed[0] if allowed else False


def _usable(patterns: list[str]) -> set[str]:
    """The first patterns that llguidance can tell apart."""
    usable = list[str]()
    for pattern in patterns[:MAX_PATTERNS]:
        if not refused({"type": "object", "patternProperties": {name: {} for name in [*usable, pattern]}}):
            usable.append(pattern)
    return set(usable)


def _keep_names(names: list[str], kept: dict[str, Any]) -> None:
    """List the properties that may have only these names."""
    listed = kept.get("properties", {})
    rest = kept.get("additionalProperties", {})
    kept["properties"] = {name: listed.get(name, rest) for name in dict.fromkeys([*listed, *names]) if name in names}
    kept["additionalProperties"] = False


def _keep_required(schema: dict[str, Any], kept: dict[str, Any], drop: Drop) -> None:
    given = schema.get("required", [])
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        drop("required")
        given = [name for name in given if isinstance(name, str)] if isinstance(given, list) else []
    required = list(dict.fromkeys(given))
    properties = kept.get("properties", {})
    for name in required:
        if properties.get(name) is False:
            drop(f"properties.{name}")
            properties[name] = {}
    if required:
        kept["required"] = required
    unlisted = [name for name in required if name not in properties]
    if unlisted and kept.get("additionalProperties") is False and refused(_outline(kept)):
        drop("additionalProperties")
        del kept["additionalProperties"]
    if not required:
        kept.pop("required", None)


def _keep_counts(schema: dict[str, Any], kept: dict[str, Any], drop: Drop) -> None:
    for key in ("minProperties", "maxProperties"):
        if key not in schema:
            continue
        count = as_count(schema[key])
        if count is None:
            drop(key)
        elif key == "maxProperties" or count > len(kept.get("required", [])):
            kept[key] = count


def settle_counts(kept: dict[str, Any], drop: Drop) -> None:
    """Drop what cannot be enforced of the numbers of properties, once it is known which objects are closed."""
    least, most = kept.pop("minProperties", None), kept.pop("maxProperties", None)
    certain = len(kept.get("required", [])) + 1
    """Nothing keeps two properties without a fixed name from having one name."""
    if most is not None:
        if refused({**_outline(kept), "maxProperties": most}):
            drop("maxProperties")
        else:
            kept["maxProperties"] = most
    if least is not None:
        unsure = least > certain and kept.get("additionalProperties") is not False
        if unsure or refused({**_outline(kept), "minProperties": least}):
            drop("minProperties")
            least = certain
        if not refused({**_outline(kept), "minProperties": least}):
            kept["minProperties"] = least


def _outline(kept: dict[str, Any]) -> dict[str, Any]:
    """An object without what its properties hold."""

    def open_part(part: Any) -> Any:
        return False if part is False else {}

    outline: dict[str, Any] = {"type": "object"}
    for key in ("properties", "patternProperties"):
        if key in kept:
            outline[key] = {name: open_part(part) for name, part in kept[key].items()}
    if "additionalProperties" in kept:
        outline["additionalProperties"] = open_part(kept["additionalProperties"])
    return outline | {key: kept[key] for key in ("required", "minProperties", "maxProperties") if key in kept}
