from __future__ import annotations

import json
import random
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared.wire.payloads import JobError
from tests.support.workers.constraint_walks import WALKS, some_text
from tests.support.workers.json_schemas import TREE, Schema
from workers.llama.chat.tool_format import HERMES, LLAMA3, MISTRAL, ToolFormat
from workers.llama.chat.tool_grammar import calls_grammar
from workers.llama.chat.tool_parser import ToolCallParser
from workers.llama.constraints.compiler import GrammarCompiler, tool_schema
from workers.llama.constraints.constraint import TokenConstraint
from workers.llama.native.vocabulary import Vocabulary

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
def test_with_optional_calls_an_answer_can_be_content_alone(
    tool_format: ToolFormat, compiler: GrammarCompiler, vocabulary: Vocabulary
) -> None:
    constraint = by_tools(compiler, vocabulary, tool_format, parallel=True, words=True)
    for token in vocabulary.tokenize("It is 5 < 6, {really}.", add_special=False, parse_special=False):
        constraint.accept(token)
    assert constraint.complete


@FORMATS
@pytest.mark.parametrize("parallel", [False, True], ids=["one call", "parallel"])
def test_a_call_after_content_is_valid(
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
