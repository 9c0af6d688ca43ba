"""What of a schema can be enforced."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from llguidance import LLMatcher

UNSUPPORTED = frozenset(
    {
        "not", "if", "then", "else", "uniqueItems", "contains", "minContains", "maxContains", "propertyNames",
        "dependencies", "dependentRequired", "dependentSchemas", "unevaluatedItems", "unevaluatedProperties",
        "$dynamicRef", "$recursiveRef",
    }
)  # fmt: skip

FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"})


@dataclass(frozen=True, slots=True)
class Enforceable:
    """A schema that can be enforced, and the keywords that were dropped for that, such as ``properties.a.format``."""

    schema: dict[str, Any]
    dropped: list[str]


def enforceable(schema: Any) -> Enforceable:
    """The part of a function's ``parameters`` that can be enforced."""
    dropped = list[str]()
    kept = _kept(schema, "", dropped)
    if not isinstance(kept, dict):
        kept = {}
    kept = {"type": "object", **kept}
    if LLMatcher.validate_grammar(LLMatcher.grammar_from_json_schema(json.dumps(kept))):
        return Enforceable({"type": "object"}, ["properties"])
    return Enforceable(kept, dropped)


def _kept(schema: Any, path: str, dropped: list[str]) -> Any:
    if isinstance(schema, list):
        return [_kept(item, f"{path}.{at}" if path else str(at), dropped) for at, item in enumerate(schema)]
    if not isinstance(schema, dict):
        return schema
    kept = dict[str, Any]()
    for key, value in schema.items():
        inner = f"{path}.{key}" if path else key
        if key in UNSUPPORTED or (key == "format" and value not in FORMATS):
            dropped.append(inner)
        elif key in ("properties", "patternProperties", "$defs", "definitions") and isinstance(value, dict):
            kept[key] = {name: _kept(part, f"{inner}.{name}", dropped) for name, part in value.items()}
        elif key in ("enum", "const", "default", "examples", "required"):
            kept[key] = value
        else:
            kept[key] = _kept(value, inner, dropped)
    return kept
