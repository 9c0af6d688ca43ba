from __future__ import annotations

import json
import random
import re

import pytest
from jsonschema import Draft202012Validator

from shared.wire.jobs import Constraint, ConstraintKind
from tests.support.workers.constraint_walks import WALKS, by_schema, some_text
from tests.support.workers.json_schemas import SCHEMAS
from workers.llama.native.vocabulary import LlamaVocabulary
from workers.text.constraints.compiler import GrammarCompiler


@pytest.mark.parametrize("name", SCHEMAS)
def test_whatever_is_drawn_the_completed_text_fits_the_schema(
    name: str, compiler: GrammarCompiler, vocabulary: LlamaVocabulary
) -> None:
    schema, chance = SCHEMAS[name], random.Random(name)
    validator = Draft202012Validator(schema)
    for _ in range(WALKS):
        text = some_text(by_schema(compiler, schema), vocabulary, chance)
        validator.validate(json.loads(text))


def test_an_answer_for_json_object_is_a_json_object(compiler: GrammarCompiler, vocabulary: LlamaVocabulary) -> None:
    chance = random.Random(1)
    for _ in range(WALKS):
        constraint = compiler.compile(Constraint(ConstraintKind.JSON_OBJECT))
        assert isinstance(json.loads(some_text(constraint, vocabulary, chance)), dict)


@pytest.mark.parametrize(
    ("kind", "source", "pattern"),
    [
        (ConstraintKind.REGEX, "[0-9]{3}-[a-f]+", "[0-9]{3}-[a-f]+"),
        (ConstraintKind.GRAMMAR, 'root ::= ("yes" | "no") "!"+', "(yes|no)!+"),
        (ConstraintKind.GRAMMAR, 'start: /[a-z]+/ "!"', "[a-z]+!"),
    ],
    ids=["regex", "GBNF", "Lark"],
)
def test_a_regex_and_both_kinds_of_grammar_are_followed(
    kind: ConstraintKind, source: str, pattern: str, compiler: GrammarCompiler, vocabulary: LlamaVocabulary
) -> None:
    chance = random.Random(2)
    for _ in range(WALKS):
        text = some_text(compiler.compile(Constraint(kind, source)), vocabulary, chance)
        assert re.fullmatch(pattern, text)
