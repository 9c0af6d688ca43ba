"""The keywords of JSON Schema, as far as the enforcing of schemas tells them apart."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")

FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"})
"""Formats of strings that llguidance enforces."""

INTEGER_FORMATS = {
    "int8": (-(2**7), 2**7 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63) + 1024, 2**63 - 1024),
    "uint8": (0, 2**8 - 1),
    "uint16": (0, 2**16 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**63 - 1024),
}
"""OpenAPI's formats of integers, with their bounds. Those of 64 bits are the largest that a float has."""

NUMERIC = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf")
TEXTUAL = ("minLength", "maxLength", "pattern", "format")
OBJECT = ("properties", "patternProperties", "additionalProperties", "required", "minProperties", "maxProperties")
BRANCHING = ("allOf", "anyOf", "oneOf")

KIND_OF = {
    **dict.fromkeys(NUMERIC, "number"),
    **dict.fromkeys((*TEXTUAL, "contentEncoding", "contentMediaType", "contentSchema"), "string"),
    **dict.fromkeys(
        (
            "items", "prefixItems", "additionalItems", "minItems", "maxItems",
            "uniqueItems", "contains", "unevaluatedItems",
        ),
        "array",
    ),
    **dict.fromkeys(
        (
            *OBJECT, "propertyNames", "dependencies", "dependentRequired", "dependentSchemas", "unevaluatedProperties",
        ),
        "object",
    ),
}  # fmt: skip
"""The type whose values a keyword is about. It says nothing of others."""

NOT_ENFORCED = frozenset(
    {
        "not", "if", "uniqueItems", "contains", "propertyNames", "dependencies", "dependentRequired",
        "dependentSchemas", "unevaluatedItems", "unevaluatedProperties", "contentEncoding", "contentMediaType",
        "contentSchema",
    }
)  # fmt: skip
"""Keywords that restrict values and that no grammar enforces."""

VALUES = frozenset({"enum", "const", "default", "examples", "example"})
"""Keywords whose values are no schemas, whatever they look like."""

MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
"""Keywords with schemas by name."""

Path: TypeAlias = "tuple[Path, str] | None"
"""Where a part of a schema is, from the inside out; None is the schema itself."""

MAX_NAME_CHARACTERS = 60
MAX_SHOWN_LEVELS = 12


def shown(path: Path) -> str:
    """A path as a user reads it: ``properties.tags.uniqueItems``."""
    names = list[str]()
    while path is not None and len(names) < MAX_SHOWN_LEVELS:
        path, name = path
        short = name[:MAX_NAME_CHARACTERS]
        printable = short if short.isprintable() else ascii(short)[1:-1]
        names.append(printable if len(name) <= MAX_NAME_CHARACTERS else f"{printable}...")
    if path is not None:
        names.append("...")
    return ".".join(reversed(names))


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def types_of(schema: dict[str, Any]) -> frozenset[str]:
    """The types that a schema's ``type`` allows; integers are numbers too."""
    given = schema.get("type")
    types = {given} if isinstance(given, str) else set(given) if isinstance(given, list) else set(TYPES)
    return frozenset(types | {"integer"} if "number" in types else types)


def is_exact(value: Any) -> bool:
    """Whether a number survives as a float of 64 bits, which is how llguidance reads it."""
    try:
        return math.isfinite(value) and (isinstance(value, float) or int(float(value)) == value)
    except OverflowError:
        return False
