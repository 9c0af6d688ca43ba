"""A constrained answer that ``max_tokens`` cuts is complete, whatever its grammar favours or excludes."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared.wire.jobs import Constraint, ConstraintKind
from tests.support.workers.constraint_walks import answer_within, by_schema, random_walk, text_of
from workers.llama.native.vocabulary import LlamaVocabulary
from workers.text.constraints.closing import closing_growth
from workers.text.constraints.compiler import GrammarCompiler
from workers.text.constraints.constraint import TokenConstraint

SHORTEST = {
    "e-mail": (r"^[a-z]+@[a-z]+\.[a-z]{2,}$", 6),
    "e-mail in capitals": (r"^[A-Z]+@[A-Z]+\.[A-Z]{2,}$", 6),
    "date": (r"^\d{4}-\d{2}-\d{2}$", 10),
    "UUID": (r"^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$", 36),
    "telephone": (r"^\+[1-9]\d{6,14}$", 8),
    "telephone in parts": (r"^\(\d{3}\) \d{3}-\d{4}$", 14),
    "hexadecimal": (r"^0x[0-9A-F]+$", 3),
    "IPv4": (r"^(\d{1,3}\.){3}\d{1,3}$", 7),
    "capitals": (r"^[A-Z]{3}-[A-Z]{2,4}$", 6),
    "Cyrillic": (r"^[Д-Я][д-я]+ [Д-Я][д-я]+$", 5),
    "Chinese": (r"^[一-龥]{2,4}$", 2),
    "emoji": (r"^[😀-😎]{3}$", 3),
    "URL": (r"^https://[a-z]+(\.[a-z]+)+/[a-z]*\.html$", 17),
    "version": (r"^v\d+\.\d+\.\d+-rc\.[1-9]$", 11),
    "odd signs": (r"^[b-y]+#[b-y]+~[b-y]{3}$", 7),
    "words": (r"^(\w+ ){5}\w+\.$", 12),
    "no digits": (r"^[^0-9]+Z$", 2),
    "an end": (r"^.*xyz$", 3),
    "an end after letters": (r"^[a-z ]+END$", 4),
    "two capitals at the end": ("[A-Z]{2}$", 2),
    "two digits after anything": (r"^.*[0-9]{2}$", 2),
    "two words in order": ("foo.*bar", 6),
    "pairs": (r"^(ab|cd)+ef$", 4),
    "sixty letters": (r"^[a-z]{60}$", 60),
}
"""Patterns, and the characters of the shortest text of each."""

FORMATS = {
    "email": 3,
    "uuid": 36,
    "date": 10,
    "time": 9,
    "date-time": 20,
    "uri": 2,
    "ipv4": 7,
    "ipv6": 2,
    "hostname": 1,
    "duration": 3,
}
"""Formats, and the characters of the shortest text of each."""


def wrapped(schema: Any) -> dict[str, Any]:
    return all_required({"x": schema})


def all_required(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


OTHERS: dict[str, Any] = {
    "length": {"type": "string", "minLength": 100},
    "values of different lengths": {"type": "array", "items": {"enum": [[1, 2], 'é"']}, "minItems": 1, "maxItems": 4},
    "three digits at the end": {"type": "string", "pattern": r"\d{3}$"},
    "long values": {"enum": ["a very long value that goes on and on and on", "another long value"]},
    "lists": {
        "type": "array",
        "minItems": 3,
        "items": {
            "type": "object",
            "properties": {
                "mail": {"type": "string", "pattern": SHORTEST["e-mail"][0]},
                "at": {"type": "string", "format": "date"},
            },
            "required": ["mail", "at"],
            "additionalProperties": False,
        },
    },
    "names by pattern": {
        "type": "object",
        "patternProperties": {"^x[A-Z]{2}$": {"type": "integer"}},
        "minProperties": 1,
    },
}
CODE = {"type": "string", "pattern": "^[A-Z]+-[0-9]+$"}
LISTS = {name: {"type": "array", "minItems": 2, "items": CODE} for name in "abcdef"}
SHORTEST_LISTS = {name: ["A-1", "A-1"] for name in "abcdef"}
SEVERAL: dict[str, tuple[dict[str, Any], Any]] = {
    "lists": (LISTS, SHORTEST_LISTS),
    "after a long string": (
        {"note": {"type": "string", "minLength": 20}, **LISTS},
        {"note": 20 * "a", **SHORTEST_LISTS},
    ),
}
"""Properties, too many for one search, and their shortest values."""

SCHEMAS = {
    **{name: {"type": "string", "pattern": pattern} for name, (pattern, _) in SHORTEST.items()},
    **{name: {"type": "string", "format": name} for name in FORMATS},
    **OTHERS,
}
LENGTHS = {**{name: length for name, (_, length) in SHORTEST.items()}, **FORMATS}


@pytest.mark.parametrize("name", LENGTHS)
def test_the_shortest_text_is_found(name: str, compiler: GrammarCompiler, vocabulary: LlamaVocabulary) -> None:
    closing = by_schema(compiler, wrapped(SCHEMAS[name])).closing()
    assert closing is not None
    assert len(json.loads(text_of(vocabulary, closing))["x"]) == LENGTHS[name]


@pytest.mark.parametrize("name", SEVERAL)
def test_several_properties_are_closed_one_after_the_other(
    name: str, compiler: GrammarCompiler, vocabulary: LlamaVocabulary
) -> None:
    properties, shortest = SEVERAL[name]
    schema = all_required(properties)
    closing = by_schema(compiler, schema).closing()
    assert closing is not None
    text = text_of(vocabulary, closing)
    Draft202012Validator(schema).validate(json.loads(text))
    assert len(text) == len(json.dumps(shortest))


@pytest.mark.parametrize("extra", [0, 1, 7, 40])
@pytest.mark.parametrize("name", SCHEMAS)
def test_an_answer_cut_by_max_tokens_fits_its_schema(
    name: str, extra: int, compiler: GrammarCompiler, vocabulary: LlamaVocabulary
) -> None:
    schema = wrapped(SCHEMAS[name])
    constraint = by_schema(compiler, schema)
    shortest = constraint.closing()
    assert shortest is not None
    budget = len(shortest) + extra
    tokens = answer_within(constraint, closing_growth(json.dumps(schema)), vocabulary, random.Random(extra), budget)
    assert len(tokens) <= budget
    Draft202012Validator(schema).validate(json.loads(text_of(vocabulary, tokens)))


@pytest.mark.parametrize(
    ("kind", "source", "pattern"),
    [
        (ConstraintKind.REGEX, r"[A-Z]+@[A-Z]+\.[A-Z]{2,}", r"[A-Z]+@[A-Z]+\.[A-Z]{2,}"),
        (ConstraintKind.REGEX, "yes|no|perhaps not", "yes|no|perhaps not"),
        (ConstraintKind.GRAMMAR, 'root ::= [A-Z]+ "~" [A-Z]+ "#"', "[A-Z]+~[A-Z]+#"),
        (ConstraintKind.GRAMMAR, 'start: /[A-Z]+/ "~" /[д-я]+/ "#"', "[A-Z]+~[д-я]+#"),
    ],
    ids=["regex", "choices", "GBNF", "Lark"],
)
@pytest.mark.parametrize("extra", [0, 1, 7, 40])
def test_an_answer_cut_by_max_tokens_fits_its_grammar(
    kind: ConstraintKind, source: str, pattern: str, extra: int, compiler: GrammarCompiler, vocabulary: LlamaVocabulary
) -> None:
    constraint = compiler.compile(Constraint(kind, source))
    shortest = constraint.closing()
    assert shortest is not None
    budget = len(shortest) + extra
    tokens = answer_within(constraint, closing_growth(json.dumps(source)), vocabulary, random.Random(extra), budget)
    assert len(tokens) <= budget
    assert re.fullmatch(pattern, text_of(vocabulary, tokens))


def test_the_closing_follows_the_text(compiler: GrammarCompiler, vocabulary: LlamaVocabulary) -> None:
    constraint = by_schema(compiler, wrapped(SCHEMAS["e-mail"]))
    for beginning, closing in [('{"x": "', 'a@a.aa"}'), ("bc", '@a.aa"}'), ("@", 'a.aa"}'), ("de.fg", '"}')]:
        feed(constraint, vocabulary, beginning)
        assert text_of(vocabulary, constraint.closing() or []) == closing


def feed(constraint: TokenConstraint, vocabulary: LlamaVocabulary, text: str) -> None:
    for token in vocabulary.tokenize(text, add_special=False, parse_special=False):
        constraint.accept(token)


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_beginning_has_a_way_out(name: str, compiler: GrammarCompiler, vocabulary: LlamaVocabulary) -> None:
    schema = wrapped(SCHEMAS[name])
    for seed in range(3):
        constraint = by_schema(compiler, schema)
        chance = random.Random(seed)
        beginning = random_walk(constraint, vocabulary, chance, chance.randint(1, 30))
        closing = constraint.closing()
        assert closing is not None
        Draft202012Validator(schema).validate(json.loads(text_of(vocabulary, beginning + closing)))
