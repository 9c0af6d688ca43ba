"""Grammars accept what a model would write, and nothing else."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from llguidance import LLMatcher, LLTokenizer

from tests.support.workers import chat_templates
from tests.support.workers.chat_templates import CALL_TEMPLATES, program
from workers.chat.formats.chat_format import CallFormat, CallKind, ChatFormat
from workers.chat.formats.described import described
from workers.chat.formats.writing import WrittenCall, write_calls, write_words
from workers.chat.grammar.answers import AnswerGrammar, answer_grammar
from workers.chat.grammar.rules import AnswerRules
from workers.chat.model_chat import ModelChat
from workers.text.constraints.compiler import tool_schema

FUNCTIONS: dict[str, Any] = {
    "get_weather": {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer", "minimum": 1, "maximum": 9},
            "unit": {"enum": ["C", "F"]},
        },
        "required": ["city"],
    },
    "ping": {"type": "object", "properties": {}},
}
NUMBER = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}
ROME = WrittenCall("get_weather", {"city": "Rome", "days": 3, "unit": "C"}, "a1b2c3d4e")


@cache
def tokenizer() -> LLTokenizer:
    return LLTokenizer("byte")


@cache
def chat(source: str) -> ModelChat:
    return ModelChat(program(source))


def grammar(source: str, **rules: Any) -> AnswerGrammar:
    given = AnswerRules(**{"functions": FUNCTIONS, **rules})
    return answer_grammar(chat(source).format, given, lambda text: None, (), tool_schema)


def accepts(answers: AnswerGrammar, text: str) -> bool:
    """Whether the text is a whole answer."""
    matcher = LLMatcher(tokenizer(), answers.text, log_level=0)
    assert not matcher.is_error(), matcher.get_error()
    tokens = tokenizer().tokenize_str(text)
    return bool(matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting())


def written(source: str, *calls: WrittenCall) -> str:
    calls_format = chat(source).format.calls
    assert calls_format is not None
    return write_calls(calls_format, calls)


@pytest.mark.parametrize("name", CALL_TEMPLATES)
def test_a_call_that_fits_its_schema_is_accepted(name: str) -> None:
    source = CALL_TEMPLATES[name]
    for rules in ({"required": True}, {"required": False}):
        assert accepts(grammar(source, **rules), written(source, ROME))


@pytest.mark.parametrize("name", CALL_TEMPLATES)
@pytest.mark.parametrize(
    "call",
    [
        WrittenCall("nobody", {}),
        WrittenCall("get_weather", {"days": 3}),
        WrittenCall("get_weather", {"city": "Rome", "days": 10}),
        WrittenCall("get_weather", {"city": "Rome", "days": "three"}),
        WrittenCall("get_weather", {"city": "Rome", "unit": "K"}),
        WrittenCall("get_weather", {"city": "Rome", "more": "x"}),
    ],
)
def test_a_call_that_does_not_fit_is_refused(name: str, call: WrittenCall) -> None:
    source = CALL_TEMPLATES[name]
    assert not accepts(grammar(source, required=True), written(source, call))


@pytest.mark.parametrize("name", [name for name in CALL_TEMPLATES if name != "unmarked"])
def test_two_calls_are_accepted_unless_one_is_wanted(name: str) -> None:
    source = CALL_TEMPLATES[name]
    two = written(source, ROME, WrittenCall("ping", {}, "abcdefghi"))
    assert accepts(grammar(source, required=True), two)
    assert not accepts(grammar(source, required=True, parallel=False), two)


@pytest.mark.parametrize("name", CALL_TEMPLATES)
def test_words_are_accepted_unless_a_call_is_required(name: str) -> None:
    source = CALL_TEMPLATES[name]
    assert accepts(grammar(source), "It is warm, {so} [they] say.")
    assert not accepts(grammar(source, required=True), "It is warm.")


@pytest.mark.parametrize("name", [name for name in CALL_TEMPLATES if name != "unmarked"])
def test_words_may_come_before_calls(name: str) -> None:
    source = CALL_TEMPLATES[name]
    assert accepts(grammar(source), f"I look.\n{written(source, ROME)}")


def test_a_thought_may_come_before_everything() -> None:
    thought = "<think>\nHm.\n</think>\n\n"
    answers = grammar(chat_templates.THINKS, required=True)
    call = written(chat_templates.THINKS, ROME)
    assert accepts(answers, thought + call)
    assert accepts(answers, call)
    assert not accepts(answers, f"{thought}words")


def test_a_thought_that_the_prompt_opened_must_end() -> None:
    answers = grammar(chat_templates.THINKS_IN_PROMPT, required=True, opened=True)
    call = written(chat_templates.THINKS_IN_PROMPT, ROME)
    assert accepts(answers, f"Hm.\n</think>\n\n{call}")
    assert not accepts(answers, "Hm, and")


def test_json_may_follow_a_thought() -> None:
    answers = grammar(chat_templates.THINKS, functions={}, demanded=f"%json {json.dumps(NUMBER)}")
    assert accepts(answers, '<think>\nHm.\n</think>\n\n{"a": 1}')
    assert accepts(answers, '{"a": 1}')
    assert not accepts(answers, '{"a": "x"}')


def test_an_answer_is_a_call_or_fits_the_schema() -> None:
    answers = grammar(chat_templates.JSON_CALLS, demanded=f"%json {json.dumps(NUMBER)}")
    assert accepts(answers, '{"a": 1}')
    assert accepts(answers, written(chat_templates.JSON_CALLS, ROME))
    assert not accepts(answers, "words")


def test_words_stand_between_their_markers() -> None:
    answers = grammar(chat_templates.WRAPS_WORDS)
    assert accepts(answers, "<|think|>Hm.<|/think|><|say|>Hello<|/say|>")
    assert accepts(answers, written(chat_templates.WRAPS_WORDS, ROME))


def with_endings(chat_format: ChatFormat, **rules: Any) -> AnswerGrammar:
    """The grammar of an answer that calls ``get_weather``, with arguments that are not the smallest."""
    given = AnswerRules(functions={"get_weather": FUNCTIONS["get_weather"]}, required=True, **rules)
    short = {"city": "Oslo", "days": 2, "unit": "C"}
    return answer_grammar(chat_format, given, lambda text: None, (), tool_schema, lambda parameters: short)


@pytest.mark.parametrize("name", CALL_TEMPLATES)
def test_the_first_ending_is_a_whole_answer(name: str) -> None:
    answers = with_endings(chat(CALL_TEMPLATES[name]).format)
    assert "Oslo" in answers.endings[0]
    assert accepts(answers, answers.endings[0])


def test_endings_complete_thoughts() -> None:
    answers = with_endings(chat(chat_templates.THINKS_IN_PROMPT).format, opened=True)
    assert accepts(answers, f"Hm{answers.endings[1]}")
    assert answers.endings[2] == "</think>"


@pytest.mark.parametrize(
    ("source", "thought"),
    [
        ("<|channel|><|message|> analysis, commentary", "<|channel|>analysis<|message|>Hm"),
        ("<atem:x> <|message|> to=self", " to=self<|message|>Hm"),
        (">>>all", ""),
    ],
)
def test_endings_of_answers_in_parts_have_headers(source: str, thought: str) -> None:
    chat_format = described(source)
    assert chat_format is not None
    answers = with_endings(chat_format)
    assert accepts(answers, answers.endings[0])
    if thought:
        assert accepts(answers, thought + answers.endings[1])


def test_no_ending_has_a_call_if_no_arguments_were_found() -> None:
    rules = AnswerRules(functions=FUNCTIONS, required=True)
    chat_format = chat(chat_templates.JSON_CALLS).format
    assert answer_grammar(chat_format, rules, lambda text: None, (), tool_schema, lambda given: None).endings == []


@pytest.mark.parametrize("source", [chat_templates.PLAIN, chat_templates.WRAPS_WORDS])
def test_an_answer_of_words_has_what_must_stand_around_them(source: str) -> None:
    answers = grammar(source, functions={}, demanded=f"%json {json.dumps(NUMBER)}")
    assert accepts(answers, write_words(chat(source).format, '{"a": 1}'))


def test_python_calls_without_markers_are_accepted_where_words_are_too() -> None:
    asked = "Write [func_name1(params_name1=params_value1, params_name2=params_value2)]"
    source = chat_templates.PLAIN.replace("Functions:", asked)
    answers = grammar(source)
    assert accepts(answers, written(source, ROME))
    assert not accepts(answers, "[nobody()]")
    assert accepts(answers, "It is [warm].")


def test_calls_without_markers_on_two_lines_satisfy_their_schema_where_words_are_accepted_too() -> None:
    answers = answer_grammar(
        ChatFormat(calls=CallFormat(CallKind.NAMED_JSON, after_name="\n", parallel=False)),
        AnswerRules(functions=FUNCTIONS),
        lambda text: None,
        (),
        tool_schema,
    )
    assert accepts(answers, 'get_weather\n{"city": "Rome"}')
    assert not accepts(answers, 'get_weather\n{"town": "Rome"}')
    assert accepts(answers, "get_weathers are words")


@pytest.mark.parametrize("name", CALL_TEMPLATES)
def test_functions_whose_schema_refers_to_itself_many_times_have_small_grammars(name: str) -> None:
    part = {"$ref": "#/$defs/part"}
    optional = {"anyOf": [part, {"type": "null"}]}
    keys = ("and", "or", "not", "any", "all", "none")
    properties: dict[str, Any] = {key: optional if key in ("any", "all") else part for key in keys}
    properties["list"] = {"type": "array", "items": part}
    part_schema = {"type": "object", "properties": properties, "additionalProperties": False}
    functions = {"find": {"type": "object", "properties": {"f": part}, "$defs": {"part": part_schema}}}
    answers = grammar(CALL_TEMPLATES[name], functions=functions, required=True)
    assert len(answers.text) < 20_000
    arguments = {"f": {"not": {"not": {"or": {}}}, "list": [{"and": {}}]}}
    assert accepts(answers, written(CALL_TEMPLATES[name], WrittenCall("find", arguments, "a1b2c3d4e")))


@pytest.mark.parametrize("name", CALL_TEMPLATES)
@pytest.mark.parametrize(
    ("pattern", "fits", "other"),
    [
        (r"^https?:\/\/[a-z/]+$", "https://a/b", "http:a"),
        (r"^(?:ab|c)\/$", "ab/", "d/"),
        ("^a$|^b$", "b", "c"),
        ("^a|b$", "ax", "x"),
    ],
)
def test_texts_fit_their_pattern(name: str, pattern: str, fits: str, other: str) -> None:
    source = CALL_TEMPLATES[name]
    parameters = {
        "type": "object",
        "properties": {"url": {"type": "string", "pattern": pattern}},
        "required": ["url"],
        "additionalProperties": False,
    }
    answers = grammar(source, functions={"get": parameters}, required=True)
    assert accepts(answers, written(source, WrittenCall("get", {"url": fits}, "a1b2c3d4e")))
    assert not accepts(answers, written(source, WrittenCall("get", {"url": other}, "a1b2c3d4e")))


@pytest.mark.parametrize("name", CALL_TEMPLATES)
def test_patterns_with_anchors_inside_forbid_no_call(name: str) -> None:
    parameters = {"type": "object", "properties": {"a": {"type": "string", "pattern": "(^a|b$)"}}, "required": ["a"]}
    answers = grammar(CALL_TEMPLATES[name], functions={"get": parameters}, required=True)
    assert accepts(answers, written(CALL_TEMPLATES[name], WrittenCall("get", {"a": "a"}, "a1b2c3d4e")))
