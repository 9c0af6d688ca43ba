"""Tells whether the branches of ``oneOf`` exclude each other, so that any of them is exactly one."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from workers.text.constraints.enforcing.keywords import types_of
from workers.text.constraints.enforcing.values import Definition, listed_values, may_fit, value_key

MAX_STEPS = 20_000
"""Comparisons in all unions of one schema. After that, branches count as overlapping."""

MAX_DEPTH = 6


class Unions:
    """Compares the branches of unions."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._steps = 0

    def are_apart(self, branches: list[Any]) -> bool:
        """Whether no value fits two of these normalised schemas, as far as can be told."""
        resolved = [self._resolved(branch) for branch in branches]
        return self._are_tagged(resolved) or all(self._apart(a, b, 0) for a, b in combinations(resolved, 2))

    def _resolved(self, schema: Any) -> Any:
        for _ in range(MAX_DEPTH):
            if not isinstance(schema, dict) or set(schema) != {"$ref"}:
                break
            schema = self._definition(schema["$ref"])
        return schema

    def _are_tagged(self, branches: list[Any]) -> bool:
        """Whether all have listed values or are objects that require a property with such, none of them twice."""
        if _are_distinct(branches):
            return True
        if not all(isinstance(branch, dict) and types_of(branch) == {"object"} for branch in branches):
            return False
        first = branches[0].get("required", [])[:MAX_DEPTH]
        common = [name for name in first if all(name in branch.get("required", []) for branch in branches)]
        return any(
            _are_distinct([self._resolved(branch.get("properties", {}).get(name)) for branch in branches])
            for name in common
        )

    def _apart(self, a: Any, b: Any, depth: int) -> bool:
        """Whether no value fits both."""
        self._steps += 1
        if a is False or b is False:
            return True
        if not isinstance(a, dict) or not isinstance(b, dict) or depth > MAX_DEPTH or self._steps > MAX_STEPS:
            return False
        a, b = self._resolved(a), self._resolved(b)
        if not isinstance(a, dict) or not isinstance(b, dict):
            return a is False or b is False
        if not types_of(a) & types_of(b):
            return True
        return (
            self._excludes_values(a, b)
            or self._excludes_values(b, a)
            or _exclude_ranges(a, b)
            or self._exclude_members(a, b, depth)
            or self._branches_exclude(a, b, depth)
            or self._branches_exclude(b, a, depth)
        )

    def _excludes_values(self, a: dict[str, Any], b: dict[str, Any]) -> bool:
        listed = listed_values(a)
        return listed is not None and not any(may_fit(value, b, self._definition) for value in listed[:MAX_STEPS])

    def _exclude_members(self, a: dict[str, Any], b: dict[str, Any], depth: int) -> bool:
        """Whether some property that one requires cannot satisfy both."""
        if types_of(a) & types_of(b) != {"object"}:
            return False
        required = dict.fromkeys([*a.get("required", []), *b.get("required", [])])
        return any(self._apart(_property(a, name), _property(b, name), depth + 1) for name in required)

    def _branches_exclude(self, a: dict[str, Any], b: dict[str, Any], depth: int) -> bool:
        """Whether all alternatives of ``a``, or one of its parts, exclude ``b``."""
        if any(self._apart(part, b, depth + 1) for part in a.get("allOf", [])):
            return True
        if "$ref" in a and self._apart({"$ref": a["$ref"]}, b, depth + 1):
            return True
        return any(all(self._apart(part, b, depth + 1) for part in a[key]) for key in ("anyOf", "oneOf") if key in a)


def _property(schema: dict[str, Any], name: str) -> Any:
    properties = schema.get("properties", {})
    if name in properties:
        return properties[name]
    return {} if "patternProperties" in schema else schema.get("additionalProperties", {})


def _are_distinct(schemas: list[Any]) -> bool:
    """Whether each lists its values and no value is listed twice."""
    seen = set[str]()
    for schema in schemas:
        listed = listed_values(schema) if isinstance(schema, dict) else None
        if not listed:
            return False
        keys = set(map(value_key, listed))
        if keys & seen:
            return False
        seen |= keys
    return True


def _exclude_ranges(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether the limits of numbers, texts or arrays, the only type that both allow, exclude each other."""
    common = types_of(a) & types_of(b)
    if common <= {"integer", "number"}:
        return _is_below(a, b) or _is_below(b, a)
    for kind, least, most in (("string", "minLength", "maxLength"), ("array", "minItems", "maxItems")):
        if common == {kind}:
            return any(x.get(least, 0) > y.get(most, float("inf")) for x, y in ((a, b), (b, a)))
    return False


def _is_below(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether all numbers of ``a`` are less than those of ``b``."""
    infinite = float("inf")
    most, most_below = a.get("maximum", infinite), a.get("exclusiveMaximum", infinite)
    least, least_above = b.get("minimum", -infinite), b.get("exclusiveMinimum", -infinite)
    return bool(most < least or most <= least_above or most_below <= max(least, least_above))
