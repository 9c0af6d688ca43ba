from __future__ import annotations

import codecs

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.wire.payloads import ToolCallDelta
from tests.support.workers.splits import pieces_of
from workers.chat.formats.chat_format import CallFormat, CallKind, ChatFormat, Pair, ParameterFormat
from workers.chat.learning.learn import HERMES
from workers.chat.parsing.answer import AnswerParser
from workers.text.output.assembler import Said, TextAssembler

FUZZ = settings(deadline=None)
MIXED_BYTES = st.lists(st.one_of(st.binary(max_size=3), st.text(max_size=3).map(str.encode))).map(b"".join)
FEW_LETTERS = st.text("abc", max_size=12)
STOP_WORDS = st.lists(st.text("abc", min_size=1, max_size=4), max_size=3)


def assemble(pieces: list[bytes], stop: list[str]) -> str:
    """The text that a client gets from these tokens."""
    assembler = TextAssembler(stop)
    text = ""
    for piece in pieces:
        text += assembler.push(piece).text
        if assembler.stopped:
            break
    return text + assembler.flush().text


def parser() -> AnswerParser:
    return AnswerParser(ChatFormat(calls=HERMES), {"f": {}})


def before_stop(text: str, stop: list[str]) -> str:
    """``text`` up to the stop string that is complete first, the longest if several are."""
    for end in range(len(text) + 1):
        found = [word for word in stop if text[:end].endswith(word)]
        if found:
            return text[: end - max(map(len, found))]
    return text


@FUZZ
@given(MIXED_BYTES, st.data())
def test_bytes_split_anywhere_give_the_same_text(raw: bytes, data: st.DataObject) -> None:
    whole = codecs.getincrementaldecoder("utf-8")("replace").decode(raw)  # without an unfinished character at the end
    assert assemble(data.draw(pieces_of(raw)), []) == whole


@pytest.mark.parametrize("character", ["é", "…", "🦊"])
def test_half_a_character_waits_for_the_rest(character: str) -> None:
    *first, last = [bytes([byte]) for byte in character.encode()]
    assembler = TextAssembler([])
    assert [assembler.push(byte).text for byte in first] == [""] * len(first)
    assert assembler.push(last).text == character


@pytest.mark.parametrize("character", ["é", "…", "🦊"])
@pytest.mark.parametrize("stop", [[], ["never"]])
def test_an_unfinished_character_at_the_end_is_left_out(character: str, stop: list[str]) -> None:
    assert assemble([b"Fox ", character.encode()[:-1]], stop) == "Fox "
    assert assemble([character.encode()[:1]], stop) == ""


def test_an_unfinished_character_after_calls_is_left_out() -> None:
    assembler = TextAssembler([], parser())
    assert assembler.push(b"Yes." + "é".encode()[:1]).text + assembler.flush().text == "Yes."
    assembler = TextAssembler([], parser())
    said = assembler.push(b'<tool_call>\n{"name": "f", "arguments": {"a": "x' + "é".encode()[:1])
    assert said.calls == [ToolCallDelta(0, "f", ""), ToolCallDelta(0, None, '{"a": "x')]
    assert assembler.flush() == Said()


def test_replacement_characters_stay_where_they_were_generated_or_bytes_are_invalid() -> None:
    assert assemble(["a\N{REPLACEMENT CHARACTER}".encode()], []) == "a\N{REPLACEMENT CHARACTER}"
    assert assemble(["é".encode()[:1], b"b"], []) == "\N{REPLACEMENT CHARACTER}b"


def test_a_character_that_the_prompt_begins_is_completed() -> None:
    first, last = (bytes([byte]) for byte in "é".encode())
    assembler = TextAssembler([], unfinished=first)
    assert assembler.push(last).text == "é"
    assert assembler.characters == 1


def test_whole_characters_are_counted() -> None:
    assembler = TextAssembler([])
    counted = []
    for piece in (b"a", "🦊".encode()[:2], "🦊".encode()[2:], "bé".encode()):
        assembler.push(piece)
        counted.append(assembler.characters)
    assert counted == [1, 1, 2, 4]


@FUZZ
@given(FEW_LETTERS, STOP_WORDS, st.data())
def test_a_text_split_anywhere_ends_before_a_stop_string(text: str, stop: list[str], data: st.DataObject) -> None:
    assert assemble(data.draw(pieces_of(text.encode())), stop) == before_stop(text, stop)


@pytest.mark.parametrize("word", ["\n\n", "Zürich", "🦊🦊", "</s>"])
def test_a_stop_string_is_found_byte_by_byte(word: str) -> None:
    pieces = [bytes([byte]) for byte in f"before {word} after".encode()]
    assert assemble(pieces, [word]) == "before "


def test_stop_strings_do_not_cut_the_arguments_of_calls() -> None:
    assembler = TextAssembler(["}"], parser())
    said = assembler.push(b'Yes. <tool_call>\n{"name": "f", "arguments": {"a": {}}}\n</tool_call>')
    assert said.text + assembler.flush().text == "Yes."
    assert said.calls == [ToolCallDelta(0, "f", ""), ToolCallDelta(0, None, '{"a": {}}')]
    assert assembler.calls == 1
    assert not assembler.stopped


@FUZZ
@given(st.text("<tol_ca>\n ", max_size=20), st.data())
@example("<tool_call", None)
def test_content_that_only_resembles_a_call_is_sent_completely(text: str, data: st.DataObject | None) -> None:
    if "<tool_call>" in text:
        return
    pieces = [text.encode()] if data is None else data.draw(pieces_of(text.encode()))
    assembler = TextAssembler([], parser())
    sent = [*(assembler.push(piece) for piece in pieces), assembler.flush()]
    assert "".join(said.text for said in sent) == text
    assert not any(said.calls for said in sent)


def test_a_call_without_arguments_has_empty_ones() -> None:
    tagged = CallFormat(CallKind.TAGGED, call=Pair("<c>", "</c>"), parameter=ParameterFormat("<p>", "=", "</p>"))
    assembler = TextAssembler([], AnswerParser(ChatFormat(calls=tagged), {"f": {}, "g": {}}))
    said = assembler.push(b"<c>f</c><c>g</c>")
    said += assembler.flush()
    assert said.calls == [
        ToolCallDelta(0, "f", ""),
        ToolCallDelta(0, None, "{}"),
        ToolCallDelta(1, "g", ""),
        ToolCallDelta(1, None, "{}"),
    ]


def test_stop_strings_act_on_words_and_not_on_thoughts() -> None:
    thoughtful = ChatFormat(thought=Pair("<think>", "</think>"))
    for kept in (False, True):
        assembler = TextAssembler(["stop"], AnswerParser(thoughtful, {}, keep_thoughts=kept))
        said = assembler.push(b"<think>I do not stop</think>")
        assert not assembler.stopped
        said += assembler.push(b"Go until I stop here")
        said += assembler.flush()
        assert assembler.stopped
        assert said.reasoning == ("" if kept else "I do not stop")
        assert said.text == ("<think>I do not stop</think>" if kept else "") + "Go until I "


def test_an_assembler_knows_whether_it_is_within_a_thought_or_a_marker() -> None:
    assembler = TextAssembler([], AnswerParser(ChatFormat(thought=Pair("<think>", "</think>")), {}, opened=True))
    states = []
    for piece in (b"", b"a", "é".encode()[:1], "é".encode()[1:], b"</th", b"ink>", b"b"):
        assembler.push(piece)
        states.append((assembler.thinking, assembler.between_texts))
    assert states == [(True, True)] * 2 + [(True, False), (True, True), (True, False), (False, True), (False, True)]
