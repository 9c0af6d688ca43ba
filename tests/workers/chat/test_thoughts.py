"""Thoughts in answers: told from words and calls, or left in the text."""

from __future__ import annotations

import pytest

from tests.support.chats.answers import BARE, HARMONY, SCHEMA, TOOL, answer, calls_in, chat
from tests.support.workers import chat_templates
from workers.chat.parsing.answer import AnswerParser
from workers.chat.parsing.parts import KeptThought, Words


def test_a_thought_is_reasoning() -> None:
    message = answer(chat_templates.THINKS, "<think>\nHm.\n</think>\n\nHello")
    assert (message["reasoning_content"], message["content"]) == ("Hm.", "Hello")


def test_a_thought_that_the_prompt_opened_is_reasoning_from_the_first_character() -> None:
    message = answer(chat_templates.THINKS_IN_PROMPT, "Hm.\n</think>\n\nHello", opened=True)
    assert (message["reasoning_content"], message["content"]) == ("Hm.", "Hello")


def test_a_thought_that_never_ends_is_reasoning() -> None:
    message = answer(chat_templates.THINKS_IN_PROMPT, "Hm, and", opened=True)
    assert (message["reasoning_content"], message["content"]) == ("Hm, and", "")


def test_thoughts_can_stay_in_the_words() -> None:
    text = "Hm.\n</think>\n\nHello"
    message = answer(chat_templates.THINKS_IN_PROMPT, text, opened=True, keep_thoughts=True)
    assert message == {"role": "assistant", "content": f"<think>\n{text}"}


def test_a_call_within_a_thought_is_part_of_it() -> None:
    call = '<tool_call>\n{"name": "get_weather", "arguments": {}}\n</tool_call>'
    message = answer(chat_templates.THINKS, f"<think>\nPerhaps {call}?\n</think>\n\n{call}")
    assert message["reasoning_content"] == f"Perhaps {call}?"
    assert calls_in(message) == [(TOOL, {})]


def test_a_call_in_a_thought_that_never_ends_is_a_call() -> None:
    call = '<tool_call>\n{"name": "get_weather", "arguments": {}}\n</tool_call>'
    message = answer(chat_templates.THINKS, f"<think>\nI call.\n{call}")
    assert (message["reasoning_content"], calls_in(message)) == ("I call.", [(TOOL, {})])


@pytest.mark.parametrize(
    ("source", "text", "opened", "kept"),
    [
        (chat_templates.THINKS, "<think>\nHm.\n</think>\n\nHello", False, "<think>\nHm.\n</think>"),
        (chat_templates.THINKS_IN_PROMPT, "Hm.\n</think>\n\nHello", True, "<think>\nHm.\n</think>"),
        (chat_templates.THINKS, "<think>\nHm.", False, "<think>\nHm."),
        (
            HARMONY,
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hello",
            False,
            "<|channel|>analysis<|message|>Hm.<|end|>",
        ),
    ],
)
def test_thoughts_that_stay_in_the_text_are_told_from_words(source: str, text: str, opened: bool, kept: str) -> None:
    parser = AnswerParser(chat(source).format, {}, opened=opened, keep_thoughts=True)
    parts = [*parser.feed(text), *parser.finish()]
    assert "".join(part.text for part in parts if isinstance(part, KeptThought)) == kept
    assert "Hello" not in text or "Hello" in "".join(part.text for part in parts if isinstance(part, Words))


@pytest.mark.parametrize("keep_thoughts", [False, True])
@pytest.mark.parametrize(
    ("source", "opened", "pieces"),
    [
        (
            chat_templates.THINKS,
            False,
            [("", False), ("<think>", True), ("Hm.</thi", True), ("nk>", False), ("Yes", False)],
        ),
        (chat_templates.THINKS_IN_PROMPT, True, [("", True), ("Hm.", True), ("</think>", False), ("Yes", False)]),
        (
            HARMONY,
            False,
            [("<|channel|>analysis", False), ("<|message|>", True), ("Hm.", True), ("<|end|>", False)],
        ),
    ],
)
def test_a_parser_knows_whether_the_answer_so_far_ends_within_a_thought(
    source: str, opened: bool, pieces: list[tuple[str, bool]], keep_thoughts: bool
) -> None:
    parser = AnswerParser(chat(source).format, {TOOL: SCHEMA}, opened=opened, keep_thoughts=keep_thoughts)
    assert parser.thinking == opened
    for piece, thinking in pieces:
        parser.feed(piece)
        assert (piece, parser.thinking) == (piece, thinking)


def test_a_parser_is_within_a_thought_that_never_ended() -> None:
    parser = AnswerParser(chat(chat_templates.THINKS).format, {})
    parser.feed("<think>Hm.")
    parser.finish()
    assert parser.thinking


def test_a_thought_that_the_prompt_opened_and_the_model_left_out_adds_no_marker() -> None:
    message = answer(chat_templates.WRAPS_WORDS, "<|say|>Hello<|/say|>", opened=True, keep_thoughts=True)
    assert message["content"] == "Hello"


def test_a_thought_without_text_stays_in_the_text() -> None:
    assert answer(chat_templates.THINKS, "<think>", keep_thoughts=True)["content"] == "<think>"


def test_a_call_without_markers_may_follow_a_thought() -> None:
    message = answer(chat_templates.UNMARKED, f"<think>Hm.</think>\n{BARE}")
    assert (message["reasoning_content"], calls_in(message)) == ("Hm.", [(TOOL, {"days": 1})])


def test_thoughts_are_told_from_words_though_the_template_knows_none() -> None:
    message = answer(chat_templates.PLAIN, "<think>\nHm.\n</think>\n\nHello")
    assert (message["reasoning_content"], message["content"]) == ("Hm.", "Hello")
    text = "Write <think> first."
    assert answer(chat_templates.PLAIN, text)["content"] == text
