"""Answers that are malformed, cut, huge or made to do harm: no stream ends by them, and no text is lost."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.workers import chat_templates
from tests.support.workers.chat_templates import CALL_TEMPLATES, program
from workers.chat.formats.chat_format import CallKind, ChatFormat
from workers.chat.formats.writing import WrittenCall, write_calls
from workers.chat.learning.learn import learn
from workers.chat.message import message_of
from workers.chat.parsing.answer import AnswerParser
from workers.chat.parsing.parts import AnswerPart
from workers.chat.parsing.reader import Marker, TextReader

TOOL = "get_weather"
SCHEMAS: dict[str, dict[str, Any]] = {
    TOOL: {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "any": {}}}
}
HARMONY = "{# <|channel|>analysis commentary<|message|> #}" + chat_templates.PLAIN
TEMPLATES = {
    **CALL_TEMPLATES,
    "thinks": chat_templates.THINKS,
    "wraps words": chat_templates.WRAPS_WORDS,
    "naming ids": chat_templates.NAMING_IDS,
    "parts": HARMONY,
}


@cache
def format_of(name: str) -> ChatFormat:
    source = TEMPLATES[name]
    return learn(program(source).render, source).chat_format


def read(chat_format: ChatFormat, pieces: list[str], **options: bool) -> dict[str, Any]:
    parser = AnswerParser(chat_format, SCHEMAS, **options)
    parts: list[AnswerPart] = []
    for piece in pieces:
        parts += parser.feed(piece)
    return message_of([*parts, *parser.finish()])


def texts_in(message: dict[str, Any]) -> str:
    calls = [call["function"]["name"] + call["function"]["arguments"] for call in message.get("tool_calls", [])]
    return "".join([message.get("reasoning_content", ""), message["content"] or "", *calls])


def markers_of(chat_format: ChatFormat) -> list[str]:
    return [marker for marker in chat_format.markers() if marker != chat_format.turn_end]


JUNK = st.sampled_from([*"{}[]()<>\"'`,:=\\\n ", "\0", "\ud800", "ü", "null", "1e999", "<think>", "</think>", "w{}w"])


@st.composite
def hostile(draw: st.DrawFn, name: str) -> str:
    """Calls, whole and cut, among markers, brackets and words."""
    chat_format = format_of(name)
    call = ""
    if chat_format.calls is not None:
        call = write_calls(chat_format.calls, [WrittenCall(TOOL, {"city": "Rome", "days": 3})])
    cut = st.integers(0, len(call)).map(lambda end: call[:end])
    marker = st.sampled_from(markers_of(chat_format) or ["<"])
    pieces = draw(st.lists(st.one_of(JUNK, JUNK, marker, cut, st.just(call)), max_size=12))
    return "".join(piece.replace("w{}w", f" w{at}w ") for at, piece in enumerate(pieces))


@pytest.mark.parametrize("name", TEMPLATES)
@given(data=st.data(), opened=st.booleans(), keep_thoughts=st.booleans())
def test_no_answer_is_read_otherwise_in_pieces(
    name: str, data: st.DataObject, opened: bool, keep_thoughts: bool
) -> None:
    text = data.draw(hostile(name))
    chat_format = format_of(name)
    whole = read(chat_format, [text], opened=opened, keep_thoughts=keep_thoughts)
    assert read(chat_format, list(text), opened=opened, keep_thoughts=keep_thoughts) == whole


def test_half_a_character_is_escaped_and_its_neighbours_are_not() -> None:
    text = f"<call>{TOOL}<key>city</key><value>\ud800ü</value></call>"
    chat_format = format_of("key and value")
    whole, in_pieces = read(chat_format, [text]), read(chat_format, list(text))
    assert whole == in_pieces
    assert r'"city": "\ud800ü"' in whole["tool_calls"][0]["function"]["arguments"]


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name != "parts"])
@given(data=st.data())
def test_no_word_is_lost(name: str, data: st.DataObject) -> None:
    text = data.draw(hostile(name))
    message = read(format_of(name), [text])
    calls = format_of(name).calls
    if calls is not None and calls.kind is CallKind.JSON and "tool_calls" in message:
        return  # a call's object may have further members, which nobody asks for
    shown = texts_in(message)
    assert [word for word in re.findall(r"w\d+w", text) if word not in shown] == []


BROKEN = {
    "json": '<call>{"name": "get_weather", "arguments": {"city": "Rome"</call> and on',
    "named json": '<|calls|><|call|>functions.get_weather:0<|args|>{"city": "Rome"<|/call|><|/calls|> and on',
    "python": "<|run|>[get_weather(city='Rome', days=[1, 2<|/run|> and on",
    "dict": "<|call>call:get_weather{city:<|q|>Rome<|q|>;<call|> and on",
    "tagged": "<call><function=get_weather><parameter=city>\nRome\n</parameter>\n<parameter=days</function> and on",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_call_that_breaks_off_has_arguments_that_can_be_read_and_the_rest_is_words(name: str) -> None:
    message = read(format_of(name), [BROKEN[name]])
    assert json.loads(message["tool_calls"][0]["function"]["arguments"])["city"] == "Rome"
    assert len(message["tool_calls"]) == 1
    assert "and on" in message["content"]


def test_a_call_that_the_end_cuts_is_told_once() -> None:
    message = read(format_of("tagged"), ["<call>\n<function=get_weather>\n<parameter=any>\nRo"])
    assert message["content"] is None
    assert message["tool_calls"][0]["function"]["arguments"] == '{"any": "Ro'


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('{"city": "a\nb"}', "a\nb"),
        ('{"city": "C:\\Users\\n"}', "C:\\Users\n"),
        ('{"city": "it\\\'s"}', "it's"),
        ("{'city': 'Rome', 'days': None}", "Rome"),
        ('{"city": "Rome"}}', "Rome"),
    ],
)
def test_json_that_is_nearly_right_is_mended(written: str, expected: str) -> None:
    message = read(format_of("json"), [f'<call>{{"name": "get_weather", "arguments": {written}}}</call>'])
    assert json.loads(message["tool_calls"][0]["function"]["arguments"])["city"] == expected
    assert message["content"] is None


@pytest.mark.parametrize("arguments", ['"Rome"', "[1]", "7"])
def test_arguments_that_are_no_object_make_no_call(arguments: str) -> None:
    text = f'<call>{{"name": "get_weather", "arguments": {arguments}}}</call>'
    assert read(format_of("json"), [text]) == {"role": "assistant", "content": text}


def test_a_quote_within_a_string_need_not_be_escaped() -> None:
    message = read(format_of("python"), ["<|run|>[get_weather(city='sed -n '3,5p' x')]<|/run|>"])
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"city": "sed -n '3,5p' x"}


@pytest.mark.parametrize(
    ("name", "begin"),
    [
        ("json", '<call>{"name": "get_weather", "arguments": {"any": '),
        ("python", "<|run|>[get_weather(any="),
        ("dict", "<|call>call:get_weather{any:"),
        ("tagged", "<call>\n<function=get_weather>\n<parameter=any>\n"),
    ],
)
@pytest.mark.parametrize("bracket", ["[", '{"a":', "{a:", "("])
def test_deep_nesting_ends_no_stream(name: str, begin: str, bracket: str) -> None:
    text = begin + bracket * 100_000
    for pieces in ([text, "</call>"], [text[:1000], text[1000:]], [text + "\n</parameter>\n</function>\n</call>"]):
        assert read(format_of(name), pieces)["tool_calls"][0]["function"]["name"] == TOOL


@pytest.mark.parametrize("value", ["9" * 6000, "-" * 6000, "1e999", "NaN", "Infinity", "(" * 6000, "1+" * 6000 + "1"])
@pytest.mark.parametrize("name", ["tagged", "python", "dict"])
def test_odd_values_are_json(name: str, value: str) -> None:
    texts = {
        "tagged": f"<call>\n<function=get_weather>\n<parameter=any>\n{value}\n</parameter>\n</function>\n</call>",
        "python": f"<|run|>[get_weather(any={value})]<|/run|>",
        "dict": f"<|call>call:get_weather{{any:{value}}}<call|>",
    }
    written = read(format_of(name), [texts[name]])["tool_calls"][0]["function"]["arguments"]
    assert "any" in json.loads(written, parse_int=str, parse_constant=pytest.fail)


def test_halves_of_characters_are_kept() -> None:
    message = read(format_of("tagged"), ["<call>\n<function=get_weather>\n<parameter=city>\n\ud83d", "\ude00\0x"])
    assert json.loads(message["tool_calls"][0]["function"]["arguments"] + '"}') == {"city": "\U0001f600\0x"}


def test_a_schema_that_refers_to_itself_in_many_ways_is_read() -> None:
    many = [{"$ref": f"#/$defs/{name}"} for name in "ABC" for _ in range(100)]
    schema = {"properties": {"any": {"$ref": "#/$defs/A"}}, "$defs": {name: {"anyOf": many} for name in "ABC"}}
    parser = AnswerParser(format_of("tagged"), {TOOL: schema})
    parts = parser.feed("<call>\n<function=get_weather>\n<parameter=any>\n1\n</parameter>\n</function>\n</call>")
    assert message_of([*parts, *parser.finish()])["tool_calls"][0]["function"]["arguments"] == '{"any": 1}'


def test_what_was_read_for_good_is_dropped() -> None:
    reader = TextReader()
    reading = reader.read_until([Marker("<end>")], lambda _: None)
    for _ in range(1000):
        reader.add("a word ")
        next(reading, None)
    assert len(reader.text) < 20


def test_much_text_in_which_nothing_is_found_is_seldom_looked_at() -> None:
    reader = TextReader()
    reader.pin()
    looks = sum(reader.add("a word ") for _ in range(20_000))
    assert looks < 2000
    reader.end()
    assert len(reader.text) == 7 * 20_000
