from __future__ import annotations

import json
import random
import re
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from shared.wire.jobs import Constraint, ConstraintKind
from shared.wire.payloads import JobError
from workers.llama.chat.tool_format import HERMES, LLAMA3, MISTRAL, ToolFormat
from workers.llama.chat.tool_grammar import calls_grammar
from workers.llama.chat.tool_parser import ToolCallParser
from workers.llama.constraints.compiler import GrammarCompiler, tool_schema
from workers.llama.constraints.constraint import TokenConstraint
from workers.llama.native.vocabulary import Vocabulary

Schema = dict[str, Any]
WALKS = 4
LONGEST_WALK = 40
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


def allowed_tokens(constraint: TokenConstraint, vocabulary: Vocabulary) -> list[int]:
    logits = np.zeros(vocabulary.size, np.float32)
    constraint.mask(logits)
    return [int(token) for token in np.flatnonzero(np.isfinite(logits))]


def random_walk(constraint: TokenConstraint, vocabulary: Vocabulary, chance: random.Random, steps: int) -> list[int]:
    """Tokens drawn at random from those that are allowed, until the end or for so many steps."""
    tokens: list[int] = []
    for _ in range(steps):
        if constraint.ended:
            break
        token = chance.choice(allowed_tokens(constraint, vocabulary))
        if token in vocabulary.eog:
            break
        constraint.accept(token)
        tokens.append(token)
    return tokens


def text_of(vocabulary: Vocabulary, tokens: list[int]) -> str:
    return b"".join(vocabulary.piece(token, special=True) for token in tokens).decode("utf-8", "replace")


def some_text(constraint: TokenConstraint, vocabulary: Vocabulary, chance: random.Random) -> str:
    """A text that the constraint lets through: a random beginning, completed by the way out."""
    tokens = random_walk(constraint, vocabulary, chance, chance.randint(0, LONGEST_WALK))
    closing = [] if constraint.ended else constraint.closing()
    assert closing is not None, f"no way out after {text_of(vocabulary, tokens)!r}"
    return text_of(vocabulary, tokens + closing)


def by_schema(compiler: GrammarCompiler, schema: Any) -> TokenConstraint:
    return compiler.compile(Constraint(ConstraintKind.JSON_SCHEMA, schema))


@pytest.mark.parametrize("name", SCHEMAS)
def test_whatever_is_drawn_the_completed_text_fits_the_schema(
    name: str, compiler: GrammarCompiler, vocabulary: Vocabulary
) -> None:
    schema, chance = SCHEMAS[name], random.Random(name)
    validator = Draft202012Validator(schema)
    for _ in range(WALKS):
        text = some_text(by_schema(compiler, schema), vocabulary, chance)
        validator.validate(json.loads(text))


def test_any_json_object_is_one(compiler: GrammarCompiler, vocabulary: Vocabulary) -> None:
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
    kind: ConstraintKind, source: str, pattern: str, compiler: GrammarCompiler, vocabulary: Vocabulary
) -> None:
    chance = random.Random(2)
    for _ in range(WALKS):
        text = some_text(compiler.compile(Constraint(kind, source)), vocabulary, chance)
        assert re.fullmatch(pattern, text)


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
        ({"$ref": "http://localhost:1/schema"}, "http://localhost:1/schema"),
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
def test_what_is_not_supported_is_refused_by_its_name(schema: Any, named: str, compiler: GrammarCompiler) -> None:
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
    ],
)
def test_a_damaged_grammar_is_refused(kind: ConstraintKind, source: str, param: str, compiler: GrammarCompiler) -> None:
    with pytest.raises(JobError, match=f"^{param}: ") as refused:
        compiler.compile(Constraint(kind, source))
    assert (refused.value.failed.status, refused.value.failed.param) == (400, param)


def test_the_owner_of_a_schema_is_named(compiler: GrammarCompiler) -> None:
    with pytest.raises(JobError, match=r"^tools: the parameters of 'f': .*uniqueItems"):
        compiler.check_schema({"type": "array", "uniqueItems": True}, "tools: the parameters of 'f'")
    compiler.check_schema(PERSON, "tools: the parameters of 'f'")


def test_the_mask_leaves_the_logits_of_what_is_allowed_as_they_are(
    compiler: GrammarCompiler, vocabulary: Vocabulary
) -> None:
    constraint = by_schema(compiler, {"type": "boolean"})
    before = np.arange(vocabulary.size + 8, dtype=np.float32)
    logits = before.copy()
    constraint.mask(logits)
    kept = np.flatnonzero(np.isfinite(logits))
    assert np.array_equal(logits[kept], before[kept])
    assert np.isneginf(np.delete(logits, kept)).all()
    texts = {text_of(vocabulary, [int(token)]) for token in kept}
    assert {"true", "false"} <= texts
    assert all("true".startswith(text) or "false".startswith(text) for text in texts)


@pytest.mark.parametrize("name", ["flat object", "tree", "names that need escapes", "enum of mixed values"])
def test_a_token_is_accepted_if_and_only_if_the_mask_allows_it(
    name: str, compiler: GrammarCompiler, vocabulary: Vocabulary
) -> None:
    chance = random.Random(3)
    beginning: list[int] = []
    for _ in range(5):
        constraint = after(beginning, compiler, SCHEMAS[name])
        allowed = allowed_tokens(constraint, vocabulary)
        for token in chance.sample(allowed, min(5, len(allowed))):
            after([*beginning, token], compiler, SCHEMAS[name])
        for token in set(chance.sample(range(vocabulary.size), 10)) - set(allowed):
            with pytest.raises(JobError, match="the grammar was not followed"):
                after([*beginning, token], compiler, SCHEMAS[name])
        beginning += random_walk(constraint, vocabulary, chance, 1)


def after(tokens: list[int], compiler: GrammarCompiler, schema: Schema) -> TokenConstraint:
    constraint = by_schema(compiler, schema)
    for token in tokens:
        constraint.accept(token)
    return constraint


def test_forced_tokens_are_allowed_one_after_another(compiler: GrammarCompiler, vocabulary: Vocabulary) -> None:
    constraint = by_schema(compiler, SCHEMAS["flat object"])
    forced = constraint.forced()
    assert text_of(vocabulary, forced).startswith('{"name":')
    for token in forced:
        assert token in allowed_tokens(constraint, vocabulary)
        constraint.accept(token)


def test_nothing_is_forced_where_there_is_a_choice_or_an_end(compiler: GrammarCompiler, vocabulary: Vocabulary) -> None:
    choice = by_schema(compiler, {"enum": ["red", "green"]})
    choice.accept(vocabulary.tokenize('"', False, False)[0])
    assert choice.forced() == []
    end = by_schema(compiler, {"const": 1})
    for token in end.forced():
        end.accept(token)
    assert end.ended
    assert end.forced() == []
    assert end.closing() == []


def test_an_undone_token_leaves_no_trace(compiler: GrammarCompiler, vocabulary: Vocabulary) -> None:
    chance = random.Random(4)
    constraint = by_schema(compiler, PERSON)
    for _ in range(10):
        before = allowed_tokens(constraint, vocabulary)
        constraint.accept(chance.choice(before))
        constraint.undo()
        assert allowed_tokens(constraint, vocabulary) == before
        random_walk(constraint, vocabulary, chance, 1)


def test_looking_for_the_way_out_changes_nothing(compiler: GrammarCompiler, vocabulary: Vocabulary) -> None:
    constraint = by_schema(compiler, PERSON)
    random_walk(constraint, vocabulary, random.Random(5), 5)
    before = allowed_tokens(constraint, vocabulary)
    assert constraint.closing() == constraint.closing()
    assert allowed_tokens(constraint, vocabulary) == before


def test_two_constraints_by_one_grammar_do_not_disturb_each_other(
    compiler: GrammarCompiler, vocabulary: Vocabulary
) -> None:
    first, second = by_schema(compiler, PERSON), by_schema(compiler, PERSON)
    before = allowed_tokens(second, vocabulary)
    random_walk(first, vocabulary, random.Random(6), 10)
    assert allowed_tokens(second, vocabulary) == before


PARAMETERS: dict[str, Schema] = {
    "weather": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}},
        "required": ["city"],
    },
    "now": {"type": "object", "properties": {}},
    "tree": TREE,
}
FORMATS = pytest.mark.parametrize("tool_format", [HERMES, MISTRAL, LLAMA3], ids=["hermes", "mistral", "llama3"])
LEADS = {HERMES: "Let me see. <tool_call>\n", MISTRAL: "Let me see. [TOOL_CALLS][", LLAMA3: '{"name": "'}


def by_tools(
    compiler: GrammarCompiler, vocabulary: Vocabulary, tool_format: ToolFormat, parallel: bool, words: bool
) -> TokenConstraint:
    schemas = {name: tool_schema(schema) for name, schema in PARAMETERS.items()}
    return compiler.constrain(calls_grammar(tool_format, schemas, parallel, words, vocabulary.special_token), "tools")


def read_calls(tool_format: ToolFormat, text: str, content_allowed: bool) -> tuple[str, list[tuple[str, Any]]]:
    parser = ToolCallParser(tool_format, content_allowed)
    words, deltas = parser.feed(text)
    words += parser.flush()
    names = {delta.index: delta.name for delta in deltas if delta.name}
    texts = {index: "".join(delta.arguments for delta in deltas if delta.index == index) for index in names}
    return words, [(name, json.loads(texts[index])) for index, name in names.items()]


def check_calls(calls: list[tuple[str, Any]]) -> None:
    for name, arguments in calls:
        Draft202012Validator(PARAMETERS[name]).validate(arguments)


@FORMATS
@pytest.mark.parametrize("parallel", [False, True], ids=["one call", "parallel"])
def test_required_calls_name_known_functions_and_have_valid_arguments(
    tool_format: ToolFormat, parallel: bool, compiler: GrammarCompiler, vocabulary: Vocabulary
) -> None:
    chance = random.Random(7)
    for _ in range(WALKS):
        constraint = by_tools(compiler, vocabulary, tool_format, parallel, words=False)
        words, calls = read_calls(tool_format, some_text(constraint, vocabulary, chance), content_allowed=False)
        assert words == ""
        assert len(calls) >= 1
        assert parallel or len(calls) == 1
        check_calls(calls)


@FORMATS
def test_an_answer_that_may_call_can_be_words_alone(
    tool_format: ToolFormat, compiler: GrammarCompiler, vocabulary: Vocabulary
) -> None:
    constraint = by_tools(compiler, vocabulary, tool_format, parallel=True, words=True)
    for token in vocabulary.tokenize("It is 5 < 6, {really}.", add_special=False, parse_special=False):
        constraint.accept(token)
    assert constraint.complete


@FORMATS
@pytest.mark.parametrize("parallel", [False, True], ids=["one call", "parallel"])
def test_a_call_once_begun_is_a_valid_one(
    tool_format: ToolFormat, parallel: bool, compiler: GrammarCompiler, vocabulary: Vocabulary
) -> None:
    chance = random.Random(8)
    lead = vocabulary.tokenize(LEADS[tool_format], add_special=False, parse_special=False)
    for _ in range(WALKS):
        constraint = by_tools(compiler, vocabulary, tool_format, parallel, words=True)
        for token in lead:
            constraint.accept(token)
        text = LEADS[tool_format] + some_text(constraint, vocabulary, chance)
        words, calls = read_calls(tool_format, text, content_allowed=True)
        assert words == ("" if tool_format is LLAMA3 else "Let me see.")
        assert len(calls) >= 1
        check_calls(calls)


@FORMATS
@pytest.mark.parametrize("words", [False, True], ids=["required", "auto"])
def test_a_second_call_follows_only_where_parallel_calls_are_allowed(
    tool_format: ToolFormat, words: bool, compiler: GrammarCompiler, vocabulary: Vocabulary
) -> None:
    body = f'{tool_format.begin}{{"name": "now", "{tool_format.arguments_key}": {{}}}}{tool_format.end}'
    two_calls = vocabulary.tokenize(
        tool_format.opening + body + tool_format.separator + body + tool_format.closing, False, False
    )

    def follow(parallel: bool) -> TokenConstraint:
        constraint = by_tools(compiler, vocabulary, tool_format, parallel, words)
        for token in two_calls:
            constraint.accept(token)
        return constraint

    assert follow(parallel=True).complete
    with pytest.raises(JobError):
        follow(parallel=False)


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
        (Constraint(ConstraintKind.GRAMMAR, 'root ::= "a" root'), "grammar: parser error: Too many items"),
        (Constraint(ConstraintKind.GRAMMAR, "start: /((a{1000}){1000}){1000}/"), "grammar: lexer error: too many"),
    ],
)
def test_a_text_without_an_end_is_the_clients_error(
    compiler: GrammarCompiler, constraint: Constraint, reason: str
) -> None:
    with pytest.raises(JobError, match=reason) as caught:
        compiler.compile(constraint)
    assert caught.value.failed.status == 400


def test_a_wrong_pattern_is_told_in_one_line(compiler: GrammarCompiler) -> None:
    schema = {"type": "string", "pattern": "(?=a)b"}
    with pytest.raises(JobError, match=r"^response_format: regex parse error: look-around.* is not supported$"):
        compiler.compile(Constraint(ConstraintKind.JSON_SCHEMA, schema))
