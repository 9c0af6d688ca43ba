"""Small values that fit a schema, as far as can be told without much work."""

from __future__ import annotations

from typing import Any

from workers.chat.parsing.schema_types import branches, types_of

MAX_DEPTH = 8


def smallest(schema: Any, root: Any, depth: int = 0) -> Any:
    """A value that probably fits the schema. A pattern, for one, is not looked at."""
    branch: dict[str, Any] = next(branches(schema, root), {})
    if "const" in branch:
        return branch["const"]
    if branch.get("enum"):
        return min(branch["enum"], key=lambda value: len(str(value)))
    types = types_of(branch, root)
    if "null" in types:
        return None
    if "boolean" in types:
        return True
    if types & {"integer", "number"}:
        return _number(branch)
    if "string" in types:
        least = branch.get("minLength", 0)
        return "a" * least if isinstance(least, int) else ""
    if "array" in types and depth < MAX_DEPTH:
        return [smallest(branch.get("items", {}), root, depth + 1)] * branch.get("minItems", 0)
    if "object" in types and depth < MAX_DEPTH:
        properties = branch.get("properties", {})
        required = [name for name in properties if name in branch.get("required", [])]
        return {name: smallest(properties[name], root, depth + 1) for name in required}
    return {}


def _number(schema: dict[str, Any]) -> int | float:
    if "exclusiveMinimum" in schema:
        return int(schema["exclusiveMinimum"]) + 1
    if "minimum" in schema:
        return schema["minimum"] if schema["minimum"] > 0 else 0
    most = schema.get("maximum", schema.get("exclusiveMaximum", 1))
    return 0 if most > 0 else int(most) - 1
