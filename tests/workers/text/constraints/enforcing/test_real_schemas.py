"""Schemas that real tools have: each compiles, and whatever is drawn from its grammar fits it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from tests.support.tool_schemas import pydantic_models, servers
from tests.support.workers.constraint_walks import by_schema, some_text
from workers.llama.native.vocabulary import LlamaVocabulary
from workers.text.constraints.compiler import GrammarCompiler
from workers.text.constraints.tool_schemas import prepare_tools

ZOD = json.loads((Path(servers.__file__).parent / "zod.json").read_text())
SCHEMAS: dict[str, Any] = {
    **servers.PARAMETERS,
    **{f"zod: {name}": schema for name, schema in ZOD.items()},
    **{f"pydantic: {model.__name__}": model.model_json_schema() for model in pydantic_models.MODELS},
}
DROPPED = {
    "browser: request": "properties.headers.propertyNames",
    "notes: create a page": "properties.icon.format, properties.cover.format",
    "depending": "if, dependentRequired",
    "zod: record": "properties.headers.propertyNames",
    "zod: base64": "properties.data.format, properties.data.contentEncoding",
    "zod: base64url": "properties.data.format, properties.data.contentEncoding",
    "zod: jwt": "properties.token.format",
    "zod: ulid": "properties.id.format",
    "zod: nanoid": "properties.id.format",
    "zod: cuid": "properties.id.format",
    "zod: cuid2": "properties.id.format",
    "zod: starts_with": "properties.id.format",
    "zod: ends_with_and_includes": "properties.id.format",
    "zod: cidr": "properties.net.format, properties.net6.format",
    "zod: emoji": "properties.e.format, properties.e.pattern",
    "zod: datetime": "properties.dur.pattern",
    "zod: e164": "properties.p.format",
    "zod: bounds": "properties.f.minimum, properties.f.maximum",
    "zod: regex": "properties.r.pattern",
    "zod: lower": "properties.l.format",
    "zod: json": "$defs.__schema0.anyOf.5.propertyNames",
    "pydantic: Search": "properties.tags.uniqueItems",
    "pydantic: Files": "properties.path.format, properties.data.format, properties.encoded.format, "
    "properties.secret.format, properties.parsed.contentMediaType, properties.parsed.contentSchema",
    "pydantic: Closed": "properties.frozen.uniqueItems",
}
UNGUARDED = {"zod: ends_with_and_includes"}
"""Two patterns for one text, for which the search for closing tokens takes too long."""


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_call_fits_what_is_enforced_and_nothing_else_is_lost(
    name: str, compiler: GrammarCompiler, vocabulary: LlamaVocabulary
) -> None:
    schema, chance = SCHEMAS[name], random.Random(name)
    prepared = prepare_tools([{"name": "f", "parameters": schema}], compiler)
    named = DROPPED.get(name)
    assert prepared.warnings == ([warning(named)] if named else [])
    constraint = by_schema(compiler, prepared.schemas["f"])
    for _ in range(0 if name in UNGUARDED else 2):
        arguments = json.loads(some_text(constraint.copy(), vocabulary, chance))
        Draft202012Validator(prepared.schemas["f"]).validate(arguments)
        if not named and schema.get("properties") != []:
            validator_for(schema)(schema).validate(arguments)


def warning(dropped: str) -> str:
    named = ", ".join(f"parameters.{path}" for path in dropped.split(", "))
    return f"tools: f: not enforced: {named}"
