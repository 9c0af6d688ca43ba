from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.workers.splits import pieces_of
from workers.llama.chat.tool_format import HERMES, LLAMA3, MISTRAL, ToolFormat
from workers.llama.chat.tool_parser import ToolCallParser

FUZZ = settings(deadline=None, max_examples=60)
FORMATS = pytest.mark.parametrize("tool_format", [HERMES, MISTRAL, LLAMA3], ids=["hermes", "mistral", "llama3"])
Call = tuple[str, dict[str, Any]]
NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_-]{0,6}", fullmatch=True)
TRICKY = st.sampled_from(
    ["", "}", '"', '\\"', "\\", "]}", "</tool_call>", "<tool_call>", "[TOOL_CALLS][", '{"name": "x", "arguments": {'],
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text() | TRICKY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | TRICKY, inner, max_size=3),
    max_leaves=6,
)
CALLS = st.lists(st.tuples(NAMES, st.dictionaries(st.text(max_size=4) | TRICKY, VALUES, max_size=3)), max_size=3)
WORDS = st.text("ab {}[]<>\n.é", max_size=15)


def written(tool_format: ToolFormat, calls: list[Call], words: str = "") -> str:
    """Content and calls as a model writes them."""
    if not calls:
        return words
    bodies = [
        f'{tool_format.begin}{{"name": "{name}", "{tool_format.arguments_key}": {json.dumps(arguments)}}}'
        f"{tool_format.end}"
        for name, arguments in calls
    ]
    return words + tool_format.opening + tool_format.separator.join(bodies) + tool_format.closing


def read(tool_format: ToolFormat, pieces: list[str], content_allowed: bool) -> tuple[str, list[Call]]:
    """A client's view: the content, and the calls joined from their deltas."""
    parser = ToolCallParser(tool_format, content_allowed)
    words, deltas = "", []
    for piece in pieces:
        new_words, new_deltas = parser.feed(piece)
        words += new_words
        deltas += new_deltas
    words += parser.flush()
    names = [(delta.index, delta.name) for delta in deltas if delta.name is not None]
    assert [index for index, _ in names] == list(range(parser.calls))
    texts = ["".join(delta.arguments for delta in deltas if delta.index == index) for index, _ in names]
    return words, [(name, json.loads(text)) for (_, name), text in zip(names, texts, strict=True)]


@FORMATS
@FUZZ
@given(calls=CALLS, data=st.data())
def test_calls_split_anywhere_are_parsed(tool_format: ToolFormat, calls: list[Call], data: st.DataObject) -> None:
    pieces = data.draw(pieces_of(written(tool_format, calls)))
    assert read(tool_format, pieces, content_allowed=False) == ("", calls)


@pytest.mark.parametrize("tool_format", [HERMES, MISTRAL], ids=["hermes", "mistral"])
@FUZZ
@given(words=WORDS, calls=CALLS.filter(bool), data=st.data())
def test_content_before_calls_is_separated_from_them(
    tool_format: ToolFormat, words: str, calls: list[Call], data: st.DataObject
) -> None:
    pieces = data.draw(pieces_of(written(tool_format, calls, words)))
    assert read(tool_format, pieces, content_allowed=True) == (words.rstrip(), calls)


@FORMATS
@FUZZ
@given(words=WORDS, data=st.data())
def test_content_alone_is_sent_completely(tool_format: ToolFormat, words: str, data: st.DataObject) -> None:
    assert read(tool_format, data.draw(pieces_of(words)), content_allowed=True) == (words, [])


def test_a_calls_name_comes_before_its_arguments_are_complete() -> None:
    parser = ToolCallParser(HERMES, content_allowed=False)
    _, deltas = parser.feed('<tool_call>\n{"name": "weather", "arguments": {"city": "Par')
    assert [(delta.name, delta.arguments) for delta in deltas] == [("weather", ""), (None, '{"city": "Par')]
    _, deltas = parser.feed('is"}}\n</tool_call>')
    assert [(delta.name, delta.arguments) for delta in deltas] == [(None, 'is"}')]
