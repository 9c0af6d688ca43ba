"""Schemas of functions in the manner of well-known tool servers, with the keywords that set them apart."""

from __future__ import annotations

from typing import Any

PARAMETERS: dict[str, dict[str, Any]] = {
    "browser: fill a form": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "fields": {
                "description": "Fields to fill in",
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string", "description": "Human-readable field name"},
                        "type": {"type": "string", "enum": ["textbox", "checkbox", "radio", "combobox", "slider"]},
                        "ref": {"type": "string"},
                        "value": {"type": "string"},
                    },
                    "required": ["name", "type", "ref", "value"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["fields"],
        "additionalProperties": False,
    },
    "browser: request": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "url": {"type": "string"},
            "headers": {
                "type": "object",
                "propertyNames": {"type": "string"},
                "additionalProperties": {"type": "string"},
            },
        },
        "required": ["url"],
        "additionalProperties": False,
    },
    "notes: create a page": {
        "type": "object",
        "$defs": {
            "richText": {
                "type": "object",
                "properties": {
                    "text": {"type": "object", "properties": {"content": {"type": "string"}}, "required": ["content"]},
                    "type": {"enum": ["text"], "type": "string"},
                },
                "required": ["text"],
                "additionalProperties": True,
            }
        },
        "properties": {
            "parent": {
                "type": "object",
                "properties": {"page_id": {"type": "string", "format": "uuid"}},
                "required": ["page_id"],
            },
            "title": {"type": "array", "items": {"$ref": "#/$defs/richText"}, "maxItems": 100},
            "icon": {"type": "string", "format": "json", "description": "The icon as JSON"},
            "cover": {"type": "string", "format": "json"},
        },
        "required": ["parent", "title"],
    },
    "SDK: add": {
        "type": "object",
        "title": "addArguments",
        "properties": {"a": {"title": "A", "type": "integer"}, "b": {"title": "B", "type": "integer"}},
        "required": ["a", "b"],
    },
    "SDK: without arguments": {"type": "object", "properties": {}, "title": "nowArguments"},
    "SDK: reused parts": {
        "type": "object",
        "properties": {
            "from": {"type": "object", "properties": {"lat": {"type": "number"}}, "required": ["lat"]},
            "to": {"$ref": "#/properties/from"},
        },
        "required": ["from", "to"],
        "additionalProperties": False,
        "$schema": "http://json-schema.org/draft-07/schema#",
    },
    "SDK: named root": {
        "$ref": "#/definitions/Move",
        "definitions": {"Move": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}},
        "$schema": "http://json-schema.org/draft-07/schema#",
    },
    "PHP: empty lists for empty objects": {"type": "object", "properties": [], "required": []},
    "OpenAPI: a pet": {
        "type": "object",
        "properties": {
            "id": {"type": "integer", "format": "int64", "readOnly": True},
            "age": {"type": "integer", "format": "int32", "minimum": 0},
            "name": {"type": "string", "example": "Rex", "nullable": True, "x-order": 1},
            "weight": {"type": "number", "format": "double", "minimum": 0, "exclusiveMinimum": True},
            "owner": {"allOf": [{"$ref": "#/components/schemas/Owner"}], "description": "Who"},
        },
        "required": ["id", "name"],
        "components": {"schemas": {"Owner": {"type": "object", "properties": {"mail": {"type": "string"}}}}},
    },
    "one of two": {
        "type": "object",
        "properties": {"id": {"type": "string"}, "name": {"type": "string"}},
        "anyOf": [{"required": ["id"]}, {"required": ["name"]}],
    },
    "depending": {
        "type": "object",
        "properties": {"action": {"enum": ["move", "stop"]}, "to": {"type": "string"}},
        "required": ["action"],
        "if": {"properties": {"action": {"const": "move"}}},
        "then": {"required": ["to"]},
        "dependentRequired": {"to": ["action"]},
    },
}
