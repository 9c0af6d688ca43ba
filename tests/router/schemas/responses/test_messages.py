"""Kept items as the messages of a chat."""

from __future__ import annotations

from typing import Any

import pytest

from router.schemas.responses.items import kept_input
from router.schemas.responses.messages import messages_of, thought_of
from router.schemas.responses.thoughts import packed_thought

CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
SUMMARY = [{"type": "summary_text", "text": "b"}]
WIRE_CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def chat(*items: Any, instructions: str | None = None) -> list[dict[str, Any]]:
    return messages_of(kept_input(list(items), lambda kind, index: "id")[0], instructions)


def thought(text: str) -> dict[str, Any]:
    return {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": text}]}


def test_instructions_are_the_first_system_message() -> None:
    assert chat({"role": "user", "content": "a"}, instructions="Be short.") == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "a"},
    ]


def test_thought_words_and_calls_of_one_answer_are_one_message() -> None:
    items = [
        thought("hm"),
        {"role": "assistant", "content": "Let me see."},
        CALL,
        {**CALL, "call_id": "d"},
        {"type": "function_call_output", "call_id": "c", "output": "5"},
    ]
    assert chat({"role": "user", "content": "a"}, *items)[1:] == [
        {
            "role": "assistant",
            "content": "Let me see.",
            "reasoning_content": "hm",
            "tool_calls": [WIRE_CALL, {**WIRE_CALL, "id": "d"}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "5"},
    ]


def test_a_thought_or_words_behind_calls_begin_another_message() -> None:
    messages = chat(thought("a"), CALL, thought("b"), CALL, {"role": "assistant", "content": "c"})
    assert [(message["content"], message.get("reasoning_content")) for message in messages] == [
        (None, "a"),
        (None, "b"),
        ("c", None),
    ]


def test_the_input_of_a_custom_tool_is_its_only_argument() -> None:
    (message,) = chat({"type": "custom_tool_call", "call_id": "c", "name": "g", "input": 'é"\n'})
    assert message["tool_calls"][0]["function"] == {"name": "g", "arguments": '{"input": "é\\"\\n"}'}


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (
            {"content": [{"type": "reasoning_text", "text": "a"}], "summary": [{"type": "summary_text", "text": "b"}]},
            "a",
        ),
        ({"summary": [{"type": "summary_text", "text": "b"}]}, "b"),
        ({"summary": [{"type": "summary_text", "text": "b"}], "encrypted_content": packed_thought("c")}, "c"),
        ({"summary": [{"type": "summary_text", "text": "b"}], "encrypted_content": "of OpenAI"}, "b"),
        ({"summary": [], "encrypted_content": "nexa1.!"}, ""),
        ({"summary": []}, ""),
    ],
)
def test_a_thought_is_found_wherever_a_client_has_kept_it(item: dict[str, Any], text: str) -> None:
    assert thought_of({"type": "reasoning", **item}) == text
