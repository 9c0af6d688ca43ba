"""What is kept and what is dropped of a schema, keyword by keyword."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workers.text.constraints.enforcing.enforceable import Enforceable, enforceable
from workers.text.constraints.enforcing.oracle import refused

Schema = dict[str, Any]


def of_property(schema: Any, **more: Any) -> Enforceable:
    """What is enforced of the schema of a property ``p``."""
    found = enforceable({"type": "object", "properties": {"p": schema}, "required": ["p"], **more})
    assert not refused(found.schema)
    return found


@pytest.mark.parametrize(
    ("keywords", "kept"),
    [
        ({"type": "array", "uniqueItems": True}, {"type": "array"}),
        ({"type": "array", "contains": {"type": "integer"}, "minContains": 2}, {"type": "array"}),
        ({"type": "array", "unevaluatedItems": False}, {"type": "array"}),
        ({"type": "string", "not": {"const": "x"}}, {"type": "string"}),
        ({"type": "string", "if": {"minLength": 2}, "then": {"maxLength": 4}}, {"type": "string"}),
        ({"type": "object", "propertyNames": {"pattern": "^a"}}, {"type": "object"}),
        ({"type": "object", "dependentRequired": {"a": ["b"]}}, {"type": "object"}),
        ({"type": "object", "dependentSchemas": {"a": {"required": ["b"]}}}, {"type": "object"}),
        ({"type": "object", "dependencies": {"a": ["b"]}}, {"type": "object"}),
        ({"type": "object", "unevaluatedProperties": False}, {"type": "object"}),
        ({"type": "string", "format": "json"}, {"type": "string"}),
        ({"type": "string", "format": "byte", "maxLength": 8}, {"type": "string", "maxLength": 8}),
        ({"type": "string", "format": 5}, {"type": "string"}),
        ({"type": "string", "contentEncoding": "base64"}, {"type": "string"}),
        ({"type": "string", "pattern": "^(?!x)a", "minLength": 2}, {"type": "string", "minLength": 2}),
        ({"type": "string", "pattern": r"\bword\b"}, {"type": "string"}),
        ({"type": "string", "pattern": r"(a)\1"}, {"type": "string"}),
        ({"type": "string", "pattern": "((a{1000}){1000}){1000}"}, {"type": "string"}),
        ({"type": "string", "pattern": ["a"]}, {"type": "string"}),
        ({"type": "string", "minLength": 5, "maxLength": 3}, {"type": "string", "minLength": 5}),
        ({"type": "string", "minLength": 5, "pattern": "^ab?$"}, {"type": "string", "minLength": 5}),
        ({"type": "string", "maxLength": 2**40}, {"type": "string"}),
        ({"type": "string", "minLength": -1}, {"type": "string"}),
        ({"type": "integer", "minimum": 2**64}, {"type": "integer"}),
        ({"type": "number", "maximum": 1e300}, {"type": "number"}),
        ({"type": "number", "minimum": "1"}, {"type": "number"}),
        ({"type": "integer", "minimum": 5, "maximum": 3}, {"type": "integer", "minimum": 5}),
        ({"type": "number", "multipleOf": 0}, {"type": "number"}),
        ({"type": "number", "multipleOf": 0.07}, {"type": "number"}),
        ({"type": "integer", "multipleOf": 1_000_003}, {"type": "integer"}),
        ({"type": "integer", "multipleOf": 10**30}, {"type": "integer"}),
        ({"minimum": 1, "maximum": 4, "multipleOf": 5}, {"minimum": 1, "maximum": 4}),
        ({"type": "integer", "enum": ["1", "2"]}, {"type": "integer"}),
        ({"type": "string", "const": 5}, {"type": "string"}),
        ({"enum": []}, {}),
        ({"const": 2**60 + 1}, {}),
        ({"type": "string", "pattern": "^a", "enum": ["b", "c"]}, {"type": "string", "pattern": "^a"}),
        ({"type": "array", "minItems": 3, "maxItems": 2}, {"type": "array", "minItems": 3}),
        ({"type": "any"}, {}),
        ({"type": ["string", "file"]}, {}),
        ({"anyOf": []}, {}),
        ({"type": "string", "anyOf": "x"}, {"type": "string"}),
        ({"type": "string", "allOf": [False]}, {"type": "string"}),
        ({"$ref": "#/$defs/missing"}, {}),
        ({"$ref": "https://example.com/schema.json"}, {}),
        ({"$ref": 7}, {}),
        ({"$dynamicRef": "#missing"}, {}),
        ({"type": "object", "required": "a"}, {"type": "object"}),
        ({"type": "object", "properties": 3}, {"type": "object"}),
        ({"type": "object", "patternProperties": {"(?=a)": {}}}, {"type": "object"}),
        (
            {"type": "object", "required": ["a"], "additionalProperties": False},
            {"type": "object", "required": ["a"]},
        ),
        (
            {"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 3}]},
            {"anyOf": [{"type": "integer"}, {"type": "number", "minimum": 3}]},
        ),
        (
            {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2},
            {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1},
        ),
    ],
    ids=str,
)
def test_what_cannot_be_enforced_is_dropped_by_name(keywords: Schema, kept: Schema) -> None:
    found = of_property(keywords)
    assert found.schema["properties"]["p"] == kept
    assert len(found.dropped) == 1
    lost = [key for key in keywords if key not in kept or keywords[key] != kept[key]]
    assert found.dropped[0].startswith("properties.p.")
    assert found.dropped[0].split(".")[2] in lost


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (
            {"type": "string", "title": "T", "description": "D", "default": 5, "examples": [1], "$comment": "c"},
            {"type": "string"},
        ),
        ({"type": "string", "x-order": 1, "readOnly": True, "deprecated": True, "nullable": True}, {"type": "string"}),
        ({"type": "STRING"}, {"type": "string"}),
        ({"type": "string", "minimum": 3, "uniqueItems": True, "required": True}, {"type": "string"}),
        ({"type": "string", "maxLength": 10.0}, {"type": "string", "maxLength": 10}),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, {"type": "integer", "exclusiveMinimum": 1}),
        ({"type": "integer", "format": "int32"}, {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1}),
        ({"type": "integer", "format": "uint8", "maximum": 9}, {"type": "integer", "minimum": 0, "maximum": 9}),
        ({"type": "number", "format": "double"}, {"type": "number"}),
        ({"type": "string", "enum": ["a", None]}, {"type": "string", "enum": ["a"]}),
        (
            {"type": "array", "items": [{"type": "string"}], "additionalItems": False},
            {"type": "array", "prefixItems": [{"type": "string"}], "items": False},
        ),
        ({"type": "array", "uniqueItems": False, "items": True}, {"type": "array", "items": {}}),
        ({"type": "string", "if": {"minLength": 3}}, {"type": "string"}),
        ({"oneOf": [{"const": 1}, {"const": 2}]}, {"anyOf": [{"const": 1}, {"const": 2}]}),
        (
            {"type": "object", "propertyNames": {"enum": ["a", "b"]}, "additionalProperties": {"type": "integer"}},
            {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                "additionalProperties": False,
            },
        ),
        (
            {"type": "object", "properties": {"a": {"not": {}}, "b": {}}},
            {"type": "object", "properties": {"b": {}}, "additionalProperties": False},
        ),
    ],
    ids=str,
)
def test_what_restricts_nothing_or_can_be_said_otherwise_is_not_named(given: Schema, kept: Schema) -> None:
    found = of_property(given)
    assert (found.schema["properties"]["p"], found.dropped) == (kept, [])


@pytest.mark.parametrize("given", [{}, None, True, "text", [], 5, {"type": "object"}, {"properties": {}}])
def test_whatever_parameters_are_the_arguments_are_an_object(given: Any) -> None:
    assert enforceable(given).schema["type"] == "object"


def test_a_root_that_is_no_object_becomes_one() -> None:
    assert enforceable({"type": "string"}) == Enforceable({"type": "object"}, ["type"])
    assert enforceable({"type": ["object", "null"]}).dropped == []


def test_an_object_that_requires_more_than_it_lists_stays_open() -> None:
    schema = {"type": "object", "properties": {}, "required": ["a"]}
    assert enforceable(schema) == Enforceable(schema, [])
    assert "additionalProperties" not in enforceable({"type": "object", "properties": {}, "minProperties": 1}).schema


def test_the_other_properties_of_dropped_patterns_stay_possible() -> None:
    given = {"type": "object", "patternProperties": {"^(?!x)": {"type": "integer"}}, "additionalProperties": False}
    found = of_property(given)
    assert found.schema["properties"]["p"] == {"type": "object", "additionalProperties": {"type": "integer"}}
    assert found.dropped == ["properties.p.patternProperties.^(?!x)"]


def test_patterns_that_overlap_are_told_apart_as_far_as_possible() -> None:
    found = of_property({"type": "object", "patternProperties": {"^a": {"type": "integer"}, "b$": {}}})
    assert found.schema["properties"]["p"] == {"type": "object", "patternProperties": {"^a": {"type": "integer"}}}
    assert found.dropped == ["properties.p.patternProperties.b$"]


@pytest.mark.parametrize(
    ("reference", "definition"),
    [
        ("#/$defs/a~1b%20c", {"$defs": {"a/b c": {"type": "integer"}}}),
        ("#/properties/q", {}),
        ("#/components/schemas/0", {"components": {"schemas": [{"type": "integer"}]}}),
        ("#number", {"$defs": {"x": {"$anchor": "number", "type": "integer"}}}),
        (
            "n.json",
            {"$id": "https://example.com/a", "$defs": {"x": {"$id": "n.json", "type": "integer"}}},
        ),
        (
            "https://example.com/a#/$defs/x",
            {"$id": "https://example.com/a", "$defs": {"x": {"type": "integer"}}},
        ),
    ],
)
def test_references_to_parts_of_the_schema_are_followed(reference: str, definition: Schema) -> None:
    properties = {"p": {"$ref": reference}, "q": {"type": "integer"}}
    found = enforceable({"type": "object", "properties": properties, **definition})
    assert found.dropped == []
    name = found.schema["properties"]["p"]["$ref"].removeprefix("#/$defs/")
    assert found.schema["$defs"][name] == {"type": "integer"}
    assert not refused(found.schema)


def test_a_reference_to_true_is_followed() -> None:
    found = enforceable(
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/whatever"}}, "$defs": {"whatever": True}}
    )
    assert (found.dropped, found.schema["$defs"]) == ([], {"whatever": {}})


def test_a_reference_to_false_is_kept_where_it_matters_to_no_value() -> None:
    nothing = {"enum": [None], "additionalProperties": {"$ref": "#/$defs/nothing"}}
    found = enforceable({"type": "object", "properties": {"a": nothing}, "$defs": {"nothing": False}})
    assert found.dropped == []
    assert enforceable(found.schema) == found


def test_dynamic_references_with_one_possible_target_are_followed() -> None:
    found = of_property({"$dynamicRef": "#n"}, **{"$defs": {"n": {"$dynamicAnchor": "n", "type": "null"}}})
    assert (found.dropped, found.schema["$defs"]) == ([], {"n": {"type": "null"}})


def test_a_root_that_is_a_reference_is_what_it_refers_to() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}}}
    found = enforceable({"$ref": "#/$defs/N", "$defs": {"N": node}})
    assert found.dropped == []
    assert found.schema["properties"] == {"next": {"$ref": "#/$defs/N"}}


@pytest.mark.parametrize(
    ("schema", "dropped"),
    [
        ({"properties": {"c": {"$ref": "#"}}, "required": ["c"]}, "properties.c.$ref"),
        ({"$ref": "#"}, "$ref"),
        (
            {
                "properties": {"a": {"$ref": "#/$defs/a"}},
                "required": ["a"],
                "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}},
            },
            "$defs.a.anyOf.0.$ref",
        ),
        (
            {
                "properties": {"a": {"$ref": "#/$defs/a"}},
                "required": ["a"],
                "$defs": {"a": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/a"}}},
            },
            "$defs.a.items.$ref",
        ),
    ],
)
def test_references_that_no_finite_value_satisfies_are_opened(schema: Schema, dropped: str) -> None:
    found = enforceable({"type": "object", **schema})
    assert found.dropped == [dropped]
    assert not refused(found.schema)


def test_recursion_that_may_end_is_kept() -> None:
    schema = {
        "type": "object",
        "properties": {"inner": {"$ref": "#"}, "list": {"type": "array", "items": {"$ref": "#"}}},
    }
    assert enforceable(schema).dropped == []


def test_what_stands_beside_a_recursive_reference_is_dropped() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/n", "maxProperties": 1}}}
    found = of_property({"$ref": "#/$defs/n"}, **{"$defs": {"n": node}})
    assert found.dropped == ["$defs.n.properties.next.maxProperties"]
    assert found.schema["$defs"]["n"]["properties"]["next"] == {"$ref": "#/$defs/n"}


def test_parts_that_fail_together_are_dropped_where_they_are() -> None:
    halves = [{"type": "string"}, {"type": "integer"}]
    given = {"type": "object", "properties": {"q": {"allOf": halves}, "r": {"type": "null"}}, "required": ["q", "r"]}
    found = of_property(given)
    assert found.dropped == ["properties.p.properties.q.allOf"]
    assert found.schema["properties"]["p"]["properties"] == {"q": {}, "r": {"type": "null"}}


def test_long_and_unprintable_names_are_shown_short_and_printable() -> None:
    found = enforceable({"type": "object", "properties": {"a\n" + "b" * 100: {"not": {"type": "null"}}}})
    assert found.dropped == [f"properties.a\\n{'b' * 58}....not"]


def test_a_surrogate_in_a_name_opens_only_what_it_must() -> None:
    found = enforceable({"type": "object", "properties": {"a\ud800": {"type": "null"}, "b": {"type": "null"}}})
    assert not refused(found.schema)
    assert json.dumps(found.dropped).isascii()
