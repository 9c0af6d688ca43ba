"""Random schemas with keywords that are enforced, keywords that are not, and mistakes."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.support.any_json import json_values

Schema = dict[str, Any]

NAMES = st.sampled_from(["a", "b", "type", "properties", "$ref"])
_REFERENCES = st.sampled_from(["#", "#/$defs/x", "#/$defs/y", "#/properties/a", "#/$defs/none", "other.json"])
_VALUES = st.sampled_from([None, True, False, 0, 1, 7, 2.5, "", "a", "abc", [], [1, "a"], {}, {"a": 1}])
_PATTERNS = st.sampled_from(["^a+$", "b", r"^\d{2,3}$", "^(?!x)", r"\bw\b", "[a-", "^a|b$", "^[^b]*$"])
_COUNTS = st.sampled_from([0, 1, 2, 3, 2.0])
_BOUNDS = st.sampled_from([-3, 0, 1, 5, 0.5, 10**20])

SOUND: Schema = {
    "type": st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object", ["string", "null"]]),
    "enum": st.lists(_VALUES, min_size=1, max_size=4),
    "const": _VALUES,
    "minimum": _BOUNDS,
    "maximum": _BOUNDS,
    "exclusiveMinimum": _BOUNDS,
    "multipleOf": st.sampled_from([2, 3, 0.5, 0.07]),
    "minLength": _COUNTS,
    "maxLength": _COUNTS,
    "pattern": _PATTERNS.filter(lambda pattern: pattern != "[a-"),
    "format": st.sampled_from(["date", "uuid", "json", "int32", "email"]),
    "minItems": _COUNTS,
    "maxItems": _COUNTS,
    "uniqueItems": st.booleans(),
    "required": st.lists(NAMES, max_size=2, unique=True),
    "minProperties": _COUNTS,
    "maxProperties": _COUNTS,
    "$ref": _REFERENCES,
    "title": st.just("t"),
}
"""Keywords with values that the meta-schema allows."""


def _with_parts(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Schema]:
    listed = st.lists(inner, min_size=1, max_size=3)
    parts: Schema = {
        "properties": st.dictionaries(NAMES, inner, max_size=3),
        "patternProperties": st.dictionaries(_PATTERNS.filter(lambda p: p != "[a-"), inner, max_size=2),
        "additionalProperties": inner,
        "items": inner,
        "prefixItems": listed,
        "anyOf": listed,
        "oneOf": listed,
        "allOf": listed,
        "not": inner,
        "if": inner,
        "then": inner,
        "contains": inner,
        "propertyNames": inner,
    }
    return _some_of({**SOUND, **parts})


def _some_of(keywords: Schema) -> st.SearchStrategy[Schema]:
    """A few keywords: with all of them, hardly any value would fit."""
    return st.lists(st.sampled_from(sorted(keywords)), max_size=4, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: keywords[name] for name in names})
    )


parts = st.recursive(st.booleans() | _some_of(SOUND), _with_parts, max_leaves=6)

sound_schemas = st.builds(
    lambda root, x, y: {**root, "type": "object", "$defs": {"x": x, "y": y}},
    st.fixed_dictionaries({"properties": st.dictionaries(NAMES, parts, max_size=3)}) | _with_parts(parts),
    parts,
    parts,
)
"""Parameters of functions that are schemas by the specification."""

_KEYWORDS = sorted(
    [*SOUND, "properties", "items", "anyOf", "allOf", "$defs", "$id", "$anchor", "dependencies", "x-guidance"]
)
wrong_schemas = st.recursive(
    json_values,
    lambda inner: st.dictionaries(st.sampled_from(_KEYWORDS), inner | st.lists(inner, max_size=2), max_size=5),
    max_leaves=12,
)
"""Anything at all where schemas are expected."""
