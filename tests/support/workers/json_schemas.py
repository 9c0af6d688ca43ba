"""JSON schemas that use the keywords that constraints support."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
PERSON: Schema = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0, "maximum": 150}},
    "required": ["name", "age"],
}
TREE: Schema = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["value", "children"],
        }
    },
}
LINKED_LIST: Schema = {
    "$ref": "#/$defs/cell",
    "$defs": {
        "cell": {
            "type": "object",
            "properties": {"next": {"anyOf": [{"$ref": "#/$defs/cell"}, {"type": "null"}]}},
            "required": ["next"],
        }
    },
}
SCHEMAS: dict[str, Schema] = {
    "anything": {},
    "object": {"type": "object"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "null": {"type": "null"},
    "several types": {"type": ["string", "integer", "null"]},
    "flat object": PERSON,
    "nested objects": {"type": "object", "properties": {"a": PERSON, "b": {"properties": {"c": PERSON}}}},
    "optional fields": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "string"}, "c": {"type": "boolean"}},
        "required": ["b"],
    },
    "only optional fields": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "null"}}},
    "array of strings": {"type": "array", "items": {"type": "string"}},
    "array of objects": {"type": "array", "items": PERSON, "minItems": 1, "maxItems": 3},
    "array of a fixed length": {"type": "array", "items": {"type": "integer"}, "minItems": 3, "maxItems": 3},
    "tuple": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False, "minItems": 2},
    "tuple and more": {"type": "array", "prefixItems": [{"type": "boolean"}], "items": {"type": "number"}},
    "enum of strings": {"enum": ["red", "green", "dark blue"]},
    "enum of mixed values": {"enum": ["a", 1, None, True, {"x": [1, 2]}]},
    "const": {"const": {"a": [1, 2, None], "b": "é"}},
    "const field": {"type": "object", "properties": {"kind": {"const": "cat"}}, "required": ["kind"]},
    "bounded integer": {"type": "integer", "minimum": -5, "maximum": 100},
    "positive integer": {"type": "integer", "exclusiveMinimum": 0},
    "large integer": {"type": "integer", "minimum": 1000},
    "bounded number": {"type": "number", "minimum": 0, "maximum": 1},
    "number between exclusive bounds": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    "number in a narrow range": {"type": "number", "exclusiveMinimum": 0.55, "exclusiveMaximum": 0.56},
    "multiples": {"type": "integer", "multipleOf": 5},
    "reference": {
        "type": "object",
        "properties": {"who": {"$ref": "#/$defs/person"}},
        "required": ["who"],
        "$defs": {"person": PERSON},
    },
    "tree": TREE,
    "linked list": LINKED_LIST,
    "recursion from the root": {
        "type": "object",
        "properties": {"inner": {"$ref": "#"}, "x": {"type": "integer"}},
        "required": ["x"],
    },
    "any of several": {"anyOf": [{"type": "integer"}, {"type": "string"}, PERSON]},
    "any of several beside own fields": {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "anyOf": [
            {"properties": {"b": {"type": "integer"}}, "required": ["b"]},
            {"properties": {"c": {"type": "integer"}}, "required": ["c"]},
        ],
    },
    "one of several kinds": {
        "oneOf": [
            {"type": "object", "properties": {"kind": {"const": kind}, kind: {"type": "integer"}}, "required": ["kind"]}
            for kind in ("cat", "dog")
        ]
    },
    "all of several": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]},
        ]
    },
    "nullable": {"type": "object", "properties": {"a": {"anyOf": [PERSON, {"type": "null"}]}}, "required": ["a"]},
    "pattern": {"type": "string", "pattern": "^[a-z]{3,8}-[0-9]+$"},
    "pattern that is not anchored": {"type": "string", "pattern": "[0-9]{2}"},
    "bounded string": {"type": "string", "minLength": 3, "maxLength": 6},
    "date": {"type": "string", "format": "date"},
    "date and time": {"type": "string", "format": "date-time"},
    "uuid": {"type": "string", "format": "uuid"},
    "ipv4": {"type": "string", "format": "ipv4"},
    "e-mail": {"type": "string", "format": "email"},
    "further fields of a type": {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "additionalProperties": {"type": "integer"},
    },
    "no further fields": {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False},
    "fields by pattern": {
        "type": "object",
        "patternProperties": {"^x-": {"type": "integer"}},
        "additionalProperties": False,
    },
    "fields named like keywords": {
        "type": "object",
        "properties": {"properties": {"type": "integer"}, "required": {"type": "boolean"}, "enum": {"type": "null"}},
        "required": ["properties", "required", "enum"],
    },
    "names that need escapes": {
        "type": "object",
        "properties": {'quo"te': {"type": "integer"}, "back\\slash": {"type": "integer"}, "é\n": {"type": "integer"}},
        "required": ['quo"te', "back\\slash", "é\n"],
    },
    "described": {"title": "T", "description": "D", "type": "object", "properties": {"a": {"type": "integer"}}},
}
