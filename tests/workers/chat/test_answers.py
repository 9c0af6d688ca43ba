"""Answers in every format, whole and in pieces."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.chats.answers import BARE, HARMONY, SCHEMA, TOOL, answer, calls_in, chat, read
from tests.support.workers import chat_templates
from tests.support.workers.chat_templates import CALL_TEMPLATES
from workers.chat.formats.chat_format import CallKind, ChatFormat, Pair
from workers.chat.formats.writing import WrittenCall, write_calls
from workers.chat.message import message_of
from workers.chat.parsing.answer import AnswerParser
from workers.chat.parsing.parts import Thought, Words

KEYS = st.from_regex(r"[a-z]\w{0,5}", fullmatch=True)


VALUES = st.recursive(
    st.text(max_size=12) | st.integers(-(2**53), 2**53) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


ARGUMENTS = st.dictionaries(KEYS, VALUES, max_size=4)


CALLS = st.lists(st.tuples(st.sampled_from(["f", "get_time", "a-b.c"]), ARGUMENTS), min_size=1, max_size=3)


TYPES = {str: "string", bool: "boolean", int: "integer", type(None): "null", list: "array", dict: "object"}


def schema_of(arguments: dict[str, Any]) -> dict[str, Any]:
    properties = {key: {"type": TYPES[type(value)]} for key, value in arguments.items()}
    return {"type": "object", "properties": properties}


def can_be_written(source: str, arguments: dict[str, Any]) -> bool:
    """Whether a text has nothing in it that ends a value in this format."""
    calls = chat(source).format.calls
    assert calls is not None
    texts = json.dumps(arguments, ensure_ascii=False)
    if calls.kind is CallKind.DICT:
        return calls.quote not in texts and all(key.isidentifier() for key in arguments)
    return calls.kind is not CallKind.TAGGED or ("<" not in texts and "]]" not in texts)


@pytest.mark.parametrize("name", CALL_TEMPLATES)
@settings(deadline=None)  # the first one learns the format
@given(
    made=st.lists(st.tuples(st.sampled_from(["f", "get_time", "a-b.c"]), ARGUMENTS), min_size=1, max_size=3),
    data=st.data(),
)
def test_calls_are_read_as_they_were_written(
    name: str, made: list[tuple[str, dict[str, Any]]], data: st.DataObject
) -> None:
    source = CALL_TEMPLATES[name]
    calls = chat(source).format.calls
    assert calls is not None
    made = made if calls.parallel else made[:1]
    made = [(function, arguments) for function, arguments in made if can_be_written(source, arguments)]
    names = [function for function, _ in made]
    made = [call for at, call in enumerate(made) if call[0] not in names[:at]]
    if calls.kind is CallKind.PYTHON:
        made = [(function, arguments) for function, arguments in made if "-" not in function]
    text = write_calls(calls, [WrittenCall(function, arguments) for function, arguments in made]) if made else ""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    schemas = {function: schema_of(arguments) for function, arguments in made} or {"f": {}}
    assert calls_in(read(AnswerParser(chat(source).format, schemas), pieces)) == made


@pytest.mark.parametrize("name", CALL_TEMPLATES)
def test_what_a_template_renders_is_read_back(name: str) -> None:
    source = CALL_TEMPLATES[name]
    arguments = {"city": "Zürich", "days": 3, "exact": True}
    call = {"id": "a1b2c3d4e", "type": "function", "function": {"name": TOOL, "arguments": json.dumps(arguments)}}
    tools = [{"type": "function", "function": {"name": TOOL, "parameters": SCHEMA}}]
    user = {"role": "user", "content": "Is it warm?"}
    said = {"role": "assistant", "content": "", "tool_calls": [call]}
    prompt = chat(source).prompt([user], tools).text
    with_answer = chat(source).prompt([user, said], tools).text
    message = answer(source, with_answer.removeprefix(prompt))
    assert calls_in(message) == [(TOOL, arguments)]
    assert message["content"] is None


@pytest.mark.parametrize("name", [name for name in CALL_TEMPLATES if name != "unmarked"])
def test_words_before_calls_are_words(name: str) -> None:
    calls = chat(CALL_TEMPLATES[name]).format.calls
    assert calls is not None
    message = answer(CALL_TEMPLATES[name], "I look.\n" + write_calls(calls, [WrittenCall(TOOL, {"days": 1})]))
    assert (message["content"], calls_in(message)) == ("I look.", [(TOOL, {"days": 1})])


@pytest.mark.parametrize("name", CALL_TEMPLATES)
def test_an_answer_without_calls_is_words_as_they_are(name: str) -> None:
    text = "  Hello, <b>world</b>!\n\n{x} [1] 'a' \n"
    assert answer(CALL_TEMPLATES[name], text) == {"role": "assistant", "content": text}


@pytest.mark.parametrize("name", CALL_TEMPLATES)
@given(broken=st.integers(0, 60))
def test_a_cut_off_call_ends_no_stream(name: str, broken: int) -> None:
    calls = chat(CALL_TEMPLATES[name]).format.calls
    assert calls is not None
    text = write_calls(calls, [WrittenCall(TOOL, {"city": "Rome", "days": 3})])
    message = read(AnswerParser(chat(CALL_TEMPLATES[name]).format, {TOOL: SCHEMA}), [text[:broken]])
    assert message["role"] == "assistant"


def test_a_malformed_call_is_words_from_its_marker_on() -> None:
    text = "Look: <call>no json</call> and on."
    assert answer(chat_templates.JSON_CALLS, text)["content"] == text


def test_an_unknown_function_in_tags_is_words() -> None:
    text = "<call>\n<function=nobody>\n</function>\n</call>"
    assert answer(chat_templates.TAGGED, text)["content"] == text


def test_markers_are_words_where_no_function_may_be_called() -> None:
    text = '<call>{"name": "get_weather", "arguments": {}}</call>'
    assert answer(chat_templates.JSON_CALLS, text, schemas={})["content"] == text


def test_white_space_between_markers_is_free() -> None:
    text = "<call><function=get_weather><parameter=city>\nRome\n</parameter></function>\n\n</call>"
    assert calls_in(answer(chat_templates.TAGGED, text)) == [(TOOL, {"city": "Rome"})]


def test_a_call_without_its_outer_marker_is_a_call() -> None:
    text = "<function=get_weather>\n<parameter=days>\n2\n</parameter>\n</function>\n</call>"
    assert calls_in(answer(chat_templates.TAGGED, text)) == [(TOOL, {"days": 2})]


def test_the_end_of_an_argument_within_it_is_text() -> None:
    text = (
        "<call>\n<function=get_weather>\n<parameter=city>\nsay </parameter> twice\n</parameter>\n</function>\n</call>"
    )
    assert calls_in(answer(chat_templates.TAGGED, text)) == [(TOOL, {"city": "say </parameter> twice"})]


@pytest.mark.parametrize(
    ("schema", "text", "expected"),
    [
        ({"type": "string"}, "42", "42"),
        ({"type": "integer"}, "42", 42),
        ({"type": "integer"}, "many", "many"),
        ({"type": ["string", "null"]}, "null", None),
        ({"type": ["string", "null"]}, "Rome", "Rome"),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "42", 42),
        ({"enum": ["1", "2"]}, "1", "1"),
        ({"type": "boolean"}, "True", True),
        ({"type": "object"}, "{'a': None}", {"a": None}),
        ({"type": "object"}, "", {}),
        ({"type": ["array", "null"]}, "", []),
        ({"$ref": "#/$defs/Days"}, "3", 3),
        ({}, "[1]", [1]),
        ({}, "plain", "plain"),
    ],
)
def test_values_between_tags_have_the_types_of_their_schema(schema: Any, text: str, expected: Any) -> None:
    parameters = {"type": "object", "properties": {"v": schema}, "$defs": {"Days": {"type": "integer"}}}
    message = answer(
        chat_templates.KEY_AND_VALUE, f"<call>f<key>v</key><value>{text}</value></call>", {"f": parameters}
    )
    assert calls_in(message) == [("f", {"v": expected})]


def test_keys_without_quotes_may_have_spaces() -> None:
    calls = chat(chat_templates.DICT).format.calls
    assert calls is not None
    made = {"first name": "Anna", "a (b)": {"x = y": 1}}
    message = answer(chat_templates.DICT, write_calls(calls, [WrittenCall(TOOL, made)]))
    assert calls_in(message) == [(TOOL, made)]


def test_arguments_stream_while_they_come() -> None:
    parser = AnswerParser(chat(chat_templates.TAGGED).format, {TOOL: SCHEMA})
    first = parser.feed("<call>\n<function=get_weather>\n<parameter=city>\nNew Yo")
    message = message_of([*first])
    assert message["tool_calls"][0]["function"]["arguments"] == '{"city": "New Yo'


def test_words_between_markers_come_without_them() -> None:
    message = answer(chat_templates.WRAPS_WORDS, "<|think|>Hm.<|/think|><|say|>Hello<|/say|>")
    assert (message["reasoning_content"], message["content"]) == ("Hm.", "Hello")


def test_a_fence_around_json_is_left_out() -> None:
    assert answer(chat_templates.PLAIN, '```json\n{"a": 1}\n```', fenced=True)["content"] == '{"a": 1}'


@pytest.mark.parametrize(
    "head",
    [
        "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>",
        " to=functions.get_weather<|channel|>analysis<|message|>",
    ],
)
def test_a_call_to_a_recipient_is_a_call(head: str) -> None:
    text = f"<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant{head}" + '{"days": 1}<|call|>'
    message = answer(HARMONY, text)
    assert (message["reasoning_content"], calls_in(message)) == ("Hm.", [(TOOL, {"days": 1})])


def test_the_final_channel_is_words() -> None:
    text = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hello"
    message = answer(HARMONY, text)
    assert (message["reasoning_content"], message["content"]) == ("Hm.", "Hello")


def test_a_part_for_nobody_is_left_out() -> None:
    assert answer(HARMONY, "<|channel|>commentary to=python<|message|>print(1)")["content"] == ""


@pytest.mark.parametrize(
    "text",
    [
        BARE,
        f"[{BARE}]",
        f"<|python_tag|>{BARE}",
        f"<|python_start|>{BARE}<|python_end|>",
        f"```json\n[{BARE}]\n```",
        f"functools[{BARE}]",
        f"<tool_call>\n{BARE}\n</tool_call>",
    ],
)
def test_calls_without_markers_may_have_those_that_other_models_write(text: str) -> None:
    message = answer(chat_templates.UNMARKED, text)
    assert (calls_in(message), message["content"]) == ([(TOOL, {"days": 1})], None)


def test_calls_with_markers_of_other_models_may_follow_words() -> None:
    message = answer(chat_templates.UNMARKED, f"I look.\n<tool_call>{BARE}</tool_call>")
    assert (calls_in(message), message["content"]) == ([(TOOL, {"days": 1})], "I look.")


@pytest.mark.parametrize("text", ['{"name": "Anna", "age": 31}', '{"name": "nobody", "parameters": {}}', f"So: {BARE}"])
def test_objects_that_call_no_known_function_are_words(text: str) -> None:
    assert answer(chat_templates.UNMARKED, text) == {"role": "assistant", "content": text}


def test_a_call_whose_markers_the_model_forgot_is_one_if_it_begins_the_answer() -> None:
    text = '{"name": "get_weather", "arguments": {"days": 1}}'
    assert calls_in(answer(chat_templates.JSON_CALLS, text)) == [(TOOL, {"days": 1})]
    assert answer(chat_templates.JSON_CALLS, f"So: {text}")["content"] == f"So: {text}"


def test_a_marker_may_lack_its_bars() -> None:
    text = '<tools>[{"get_weather": {"days": 1}}]<|/tools|>'
    assert calls_in(answer(chat_templates.NAME_IS_KEY, text)) == [(TOOL, {"days": 1})]


def test_words_behind_calls_are_a_line_of_their_own() -> None:
    call = '<call>{"name": "get_weather", "arguments": {}}</call>'
    assert answer(chat_templates.JSON_CALLS, f"I look.{call} Done.")["content"] == "I look.\nDone."


def test_a_type_that_the_schema_does_not_allow_is_not_believed() -> None:
    text = '<calls>\n<invoke name="get_weather">\n<param name="days" text="yes">3</param>\n</invoke>\n</calls>'
    assert calls_in(answer(chat_templates.TYPED, text)) == [(TOOL, {"days": 3})]


@pytest.mark.parametrize("text", ["Hello there", "Hello " * 100, "Hello<|end|><|start|>assistant"])
def test_an_answer_in_parts_without_headers_is_words(text: str) -> None:
    assert answer(HARMONY, text)["content"] == text.removesuffix("<|end|><|start|>assistant")


def test_a_header_that_the_end_cuts_is_nothing() -> None:
    assert answer(HARMONY, "<|channel|>anal")["content"] == ""


def test_a_call_to_a_recipient_that_is_no_json_is_words() -> None:
    text = "<|channel|>commentary to=functions.get_weather<|message|>I cannot.<|call|>"
    assert answer(HARMONY, text)["content"] == "I cannot."


@pytest.mark.parametrize(
    ("chat_format", "begun", "new"),
    [
        (ChatFormat(), "Hello ", Words("world")),
        (ChatFormat(), "Hello", Words(" world")),
        (ChatFormat(thought=Pair("<think>", "</think>")), "<think>Let me ", Thought("see")),
        (ChatFormat(thought=Pair("<think>", "</think>")), "<think>a</think>Let me\n\n", Words("see")),
    ],
)
def test_nothing_of_a_known_beginning_is_told(chat_format: ChatFormat, begun: str, new: Words | Thought) -> None:
    parser = AnswerParser(chat_format, {})
    parser.begin(begun)
    assert [*parser.feed(new.text), *parser.finish()] == [new]


@pytest.mark.parametrize("name", CALL_TEMPLATES)
def test_arguments_that_look_like_a_place_for_an_id_are_written_as_they_are(name: str) -> None:
    source, arguments = CALL_TEMPLATES[name], {"a": "{id} {key} {type}"}
    calls = chat(source).format.calls
    assert calls is not None
    text = write_calls(calls, [WrittenCall("f", arguments, "a1b2c3d4e")])
    assert calls_in(read(AnswerParser(chat(source).format, {"f": schema_of(arguments)}), [text])) == [("f", arguments)]


ODD_KEYS = ["é ü", "$top", "filter[name]", "a:b", "a/b", "x=y", "it's", "a b", "a b c", "<tag>"]


@pytest.mark.parametrize("name", CALL_TEMPLATES)
def test_properties_may_have_any_name(name: str) -> None:
    source, made = CALL_TEMPLATES[name], [("f", dict.fromkeys(ODD_KEYS, "a") | {"n": 1})]
    calls = chat(source).format.calls
    assert calls is not None
    text = write_calls(calls, [WrittenCall(function, arguments) for function, arguments in made])
    message = answer(source, text, {function: schema_of(arguments) for function, arguments in made})
    assert calls_in(message) == made, message
