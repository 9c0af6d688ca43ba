from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from workers.text.constraints.schemas import close_objects

Schema = dict[str, Any]
NAMES = st.sampled_from(["a", "b", "properties", "anyOf", "enum", "type"])
LEAVES: st.SearchStrategy[Schema] = st.sampled_from(
    [{"type": "integer"}, {"type": "string"}, {"enum": [1, "x", {"a": 1, "b": 2}]}, {"const": {"a": {}}}, {}]
)


def objects(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(NAMES, inner, max_size=3)},
        optional={
            "required": st.lists(NAMES, max_size=2, unique=True),
            "additionalProperties": st.booleans() | inner,
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "b$"]), inner, max_size=1),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "allOf": st.lists(inner, min_size=1, max_size=2),
        },
    )


SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: (
        objects(inner)
        | st.fixed_dictionaries({"type": st.just("array"), "items": inner})
        | st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=2)})
    ),
    max_leaves=6,
)
INSTANCES = st.recursive(
    st.integers(0, 2) | st.sampled_from(["x", "y"]),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=6,
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(SCHEMAS, st.lists(INSTANCES, min_size=1, max_size=5))
def test_what_fits_the_closed_schema_fits_the_open_one(schema: Schema, instances: list[Any]) -> None:
    closed, opened = Draft202012Validator(close_objects(schema)), Draft202012Validator(schema)
    for instance in instances:
        assert opened.is_valid(instance) or not closed.is_valid(instance)


@settings(deadline=None)
@given(SCHEMAS)
def test_the_schema_that_was_given_is_not_changed(schema: Schema) -> None:
    before = repr(schema)
    close_objects(schema)
    assert repr(schema) == before


def test_objects_at_any_depth_have_only_the_listed_properties() -> None:
    inner = {"type": "object", "properties": {"x": {"type": "integer"}}}
    schema = {"type": "object", "properties": {"one": inner, "many": {"type": "array", "items": inner}}}
    valid = Draft202012Validator(close_objects(schema)).is_valid
    assert valid({"one": {"x": 1}, "many": [{"x": 2}]})
    assert not valid({"one": {"x": 1, "y": 2}})
    assert not valid({"many": [{"y": 2}]})
    assert not valid({"other": 1})


def test_definitions_are_closed_too() -> None:
    schema = {"$ref": "#/$defs/P", "$defs": {"P": {"type": "object", "properties": {"x": {}}}}}
    assert not Draft202012Validator(close_objects(schema)).is_valid({"y": 1})


@pytest.mark.parametrize("additional", [True, {"type": "integer"}])
def test_an_object_with_additional_properties_is_not_changed(additional: Any) -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": additional}
    assert close_objects(schema) == schema


def test_an_object_without_listed_properties_stays_open() -> None:
    assert close_objects({"type": "object"}) == {"type": "object"}


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}, "required": ["b"]}]},
        {"properties": {"a": {}}, "required": ["a"], "anyOf": [{"properties": {"b": {}}, "required": ["b"]}]},
        {"properties": {"a": {}}, "$ref": "#/$defs/B", "$defs": {"B": {"properties": {"b": {}}, "required": ["b"]}}},
        {"required": ["a"], "oneOf": [{"properties": {"b": {}}, "required": ["b"]}]},
    ],
    ids=["allOf", "anyOf", "$ref", "oneOf"],
)
def test_an_object_combined_from_several_schemas_stays_open(schema: Schema) -> None:
    valid = Draft202012Validator(close_objects(schema)).is_valid
    assert valid({"a": 1, "b": 2})


def test_names_of_properties_that_are_keywords_elsewhere_stay_names() -> None:
    names = ["properties", "required", "enum", "additionalProperties", "items", "const"]
    schema = {"type": "object", "properties": {name: {"type": "integer"} for name in names}, "required": names}
    valid = Draft202012Validator(close_objects(schema)).is_valid
    assert valid(dict.fromkeys(names, 1))
    assert not valid({**dict.fromkeys(names, 1), "other": 1})


def test_schemas_below_names_that_are_keywords_elsewhere_are_closed() -> None:
    inner = {"type": "object", "properties": {"x": {}}}
    schema = {"type": "object", "properties": {"default": inner, "properties": inner}}
    valid = Draft202012Validator(close_objects(schema)).is_valid
    assert not valid({"default": {"y": 1}})
    assert not valid({"properties": {"y": 1}})


@pytest.mark.parametrize("keyword", ["enum", "const", "default", "examples"])
def test_values_that_look_like_schemas_are_left_alone(keyword: str) -> None:
    value: Schema = {"properties": {"x": {}}}
    schema = {keyword: [value] if keyword in ("enum", "examples") else value}
    assert close_objects(schema) == schema


@pytest.mark.parametrize("listed", [{"enum": [{"a": 1}, {}]}, {"const": {"a": 1}}])
def test_objects_whose_values_are_listed_stay_open(listed: dict[str, Any]) -> None:
    assert Draft202012Validator(close_objects({"type": "object", "properties": {}, **listed})).is_valid({"a": 1})
