from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest

from shared.wire.jobs import Constraint, ConstraintKind
from shared.wire.payloads import JobError
from tests.support.workers.constraint_walks import by_schema
from tests.support.workers.json_schemas import PERSON
from workers.llama.native.vocabulary import LlamaVocabulary
from workers.text.constraints.compiler import GrammarCompiler


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"not": {"type": "string"}}, "not"),
        ({"if": {"type": "string"}, "then": {}}, "if"),
        ({"type": "object", "propertyNames": {"pattern": "^a"}}, "propertyNames"),
        ({"type": "array", "contains": {"type": "integer"}}, "contains"),
        ({"type": "object", "properties": {"a": {"dependentRequired": {"a": ["b"]}}}}, "dependentRequired"),
        ({"type": "string", "format": "smell"}, "smell"),
        ({"type": "string", "pattern": "(?=a)b"}, "regex"),
        ({"type": "poem"}, "poem"),
        (
            {"$ref": "http://localhost:1/schema"},
            "expected a $ref to a part of this schema, got 'http://localhost:1/schema'",
        ),
        ({"$ref": "#/$defs/missing"}, "missing"),
        ({"type": "integer", "minimum": 5, "maximum": 3}, "minimum"),
        (
            {
                "oneOf": [
                    {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
                    {"type": "object", "properties": {"b": {"type": "integer"}}},
                ]
            },
            "oneOf",
        ),
        ("text", "object"),
    ],
)
def test_an_unsupported_keyword_is_refused_by_name(schema: Any, named: str, compiler: GrammarCompiler) -> None:
    with pytest.raises(JobError, match=re.escape(named)) as refused:
        by_schema(compiler, schema)
    assert (refused.value.failed.status, refused.value.failed.param) == (400, "response_format")


@pytest.mark.parametrize(
    ("kind", "source", "param"),
    [
        (ConstraintKind.REGEX, "(", "regex"),
        (ConstraintKind.GRAMMAR, "nonsense (((", "grammar"),
        (ConstraintKind.GRAMMAR, "", "grammar"),
        (ConstraintKind.GRAMMAR, "root ::= missing", "grammar"),
        (ConstraintKind.JSON_SCHEMA, {"type": "nope"}, "json_schema"),
        (ConstraintKind.JSON_SCHEMA, {"oneOf": [{"type": "object"}, {"type": "object"}]}, "json_schema"),
    ],
)
def test_a_damaged_grammar_is_refused(kind: ConstraintKind, source: Any, param: str, compiler: GrammarCompiler) -> None:
    with pytest.raises(JobError, match=f"^{param}: ") as refused:
        compiler.compile(Constraint(kind, source, param))
    assert (refused.value.failed.status, refused.value.failed.param) == (400, param)


def test_the_error_names_the_schema(compiler: GrammarCompiler) -> None:
    with pytest.raises(JobError, match=r"^tools: the parameters of 'f': .*uniqueItems"):
        compiler.check_schema({"type": "array", "uniqueItems": True}, "tools: the parameters of 'f'")
    compiler.check_schema(PERSON, "tools: the parameters of 'f'")


@pytest.mark.parametrize(
    ("constraint", "reason"),
    [
        (Constraint(ConstraintKind.JSON_SCHEMA, {"$ref": "#"}), "response_format: no text satisfies it"),
        (
            Constraint(
                ConstraintKind.JSON_SCHEMA,
                {"type": "object", "properties": {"c": {"$ref": "#"}}, "required": ["c"]},
            ),
            "response_format: parser error: Too many items",
        ),
        (Constraint(ConstraintKind.GRAMMAR, 'root ::= "a" root', "grammar"), "grammar: parser error: Too many items"),
        (
            Constraint(ConstraintKind.GRAMMAR, "start: /((a{1000}){1000}){1000}/", "grammar"),
            "grammar: lexer error: too many|grammar: expected a grammar that takes at most 0.5 s per token",
        ),
    ],
)
def test_a_grammar_whose_text_cannot_end_is_a_400(
    compiler: GrammarCompiler, constraint: Constraint, reason: str
) -> None:
    with pytest.raises(JobError, match=reason) as caught:
        compiler.compile(constraint)
    assert caught.value.failed.status == 400


def test_the_error_of_a_wrong_pattern_is_one_line(compiler: GrammarCompiler) -> None:
    schema = {"type": "string", "pattern": "(?=a)b"}
    with pytest.raises(JobError, match=r"^response_format: regex parse error: look-around.* is not supported$"):
        compiler.compile(Constraint(ConstraintKind.JSON_SCHEMA, schema))


def test_the_error_of_patterns_that_are_too_hard_together_is_plain(compiler: GrammarCompiler) -> None:
    schema = {"type": "string", "allOf": [{"pattern": f".*[a-f{k % 10}]{{{k % 7 + 1}}}.*"} for k in range(12)]}
    expected = "^response_format: expected simpler patterns: it takes too long to tell whether a text can fit all"
    with pytest.raises(JobError, match=expected):
        compiler.compile(Constraint(ConstraintKind.JSON_SCHEMA, schema))


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        ({"a": {"type": "integer", "minimum": 3}}, {"a": 3}),
        ({"a": {"type": "string", "pattern": "^[A-Z]{2}7$"}}, {"a": "AA7"}),
        ({"a": {"type": "string", "format": "date"}, "b": {"type": "array", "items": {}, "minItems": 1}}, None),
    ],
)
def test_short_arguments_fit_their_schema(
    properties: dict[str, Any], found: dict[str, Any] | None, compiler: GrammarCompiler
) -> None:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    arguments = compiler.short_arguments(schema)
    assert arguments is not None
    jsonschema.validate(arguments, schema)
    assert found in (None, arguments)


def test_no_short_arguments_are_found_where_none_is_an_object(compiler: GrammarCompiler) -> None:
    assert compiler.short_arguments({"type": "integer"}) is None


def test_a_text_of_special_tokens_and_free_names_is_closed_from_anywhere(
    compiler: GrammarCompiler, vocabulary: LlamaVocabulary
) -> None:
    begin, end = (vocabulary.special_token(text) for text in ("<|im_start|>", "<file_sep>"))
    rules = [f'start: <[{begin}]> ("ping" | "look") ":" ID <[{begin}]> "{{}}" <[{end}]>', "ID: /[a-z0-9]{1,40}/"]
    ending = "<|im_start|>ping:a<|im_start|>{}<file_sep>"
    constraint = compiler.constrain("\n".join(rules), "tools", [ending])
    tokens = vocabulary.tokenize(ending.replace("ping:a", "look:abc"), add_special=False, parse_special=True)
    for token in tokens:
        closing = constraint.closing()
        assert closing is not None
        assert constraint.takes(closing)
        assert len(closing) <= len(tokens) + 2
        constraint.accept(token)
    assert constraint.complete
