"""What requests say of thoughts: those of earlier messages, how much to think, and what to continue."""

from __future__ import annotations

from typing import Any

import pytest

from router.schemas.text.chat import ChatRequest
from shared.wire.jobs import ReasoningEffort, ReasoningFormat
from tests.support.router.text_bodies import CHAT, TOOL, chat, refusal

USER = {"role": "user", "content": "Hi"}


def sent(**message: Any) -> dict[str, Any]:
    """What a worker gets of an assistant's message."""
    _, answer = chat(messages=[USER, {"role": "assistant", **message}])[0].messages or []
    return answer


def part(thinking: Any) -> dict[str, Any]:
    return {"type": "thinking", "thinking": thinking}


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_a_thought_is_sent_on_under_one_name(name: str) -> None:
    assert sent(content="Yes.", **{name: "Hm."}) == {
        "role": "assistant",
        "content": "Yes.",
        "reasoning_content": "Hm.",
    }


def test_a_thought_may_stand_alone_or_be_empty() -> None:
    assert sent(reasoning="Hm.") == {"role": "assistant", "content": None, "reasoning_content": "Hm."}
    assert sent(content="Yes.", reasoning_content="", reasoning=None) == {"role": "assistant", "content": "Yes."}
    assert sent(content="Yes.", reasoning_content="Hm.", reasoning="Hm.")["reasoning_content"] == "Hm."


def test_parts_of_a_thought_are_no_content() -> None:
    words = {"type": "text", "text": "Yes."}
    listed = part([{"type": "text", "text": "So "}, {"type": "text", "text": "be it."}])
    assert sent(content=[part("Hm."), words, listed]) == {
        "role": "assistant",
        "content": "Yes.",
        "reasoning_content": "Hm.\nSo be it.",
    }


def test_only_the_assistant_thinks() -> None:
    (job,) = chat(messages=[{**USER, "reasoning_content": "Hm."}])
    assert job.messages == [USER]
    error = refusal(ChatRequest, {"messages": [{"role": "user", "content": [part("Hm.")]}]})
    expected = "expected parts of type 'text' or 'image_url' or 'input_audio', got type 'thinking' for part 0"
    assert str(error) == f"messages.0.content: {expected}"


@pytest.mark.parametrize(
    ("message", "param", "text"),
    [
        (
            {"reasoning_content": "a", "reasoning": "b"},
            "messages.0.reasoning",
            "messages.0.reasoning: expected the same value as messages.0.reasoning_content ('a'), got 'b'",
        ),
        (
            {"reasoning_content": "a", "content": [part("b")]},
            "messages.0.content",
            "messages.0.content: expected the same value as messages.0.reasoning_content ('a'), got 'b'",
        ),
        ({"reasoning": ["a"]}, "messages.0.reasoning", "messages.0.reasoning: "),
        (
            {"content": [part(5)]},
            "messages.0.content",
            "messages.0.content: expected a string as the thinking of part 0, got 5",
        ),
        (
            {"content": [part([{"type": "image_url"}])]},
            "messages.0.content",
            "messages.0.content: expected parts of type 'text', got type 'image_url' for part 0",
        ),
    ],
)
def test_a_wrong_thought_is_refused(message: dict[str, Any], param: str, text: str) -> None:
    error = refusal(ChatRequest, {"messages": [{"role": "assistant", **message}]})
    assert (error.status, error.param) == (400, param)
    assert str(error).startswith(text)


def test_without_a_word_of_thoughts_the_models_options_hold() -> None:
    (job,) = chat()
    assert (job.reasoning_effort, job.reasoning_format, job.thinking_budget_tokens) == (None, None, None)
    assert (job.template_options, job.continues) == ({}, False)


@pytest.mark.parametrize("effort", list(ReasoningEffort))
def test_efforts(effort: ReasoningEffort) -> None:
    assert chat(reasoning_effort=effort.value)[0].reasoning_effort is effort


@pytest.mark.parametrize(
    ("name", "reasoning_format"),
    [("auto", ReasoningFormat.AUTO), ("deepseek", ReasoningFormat.AUTO), ("none", ReasoningFormat.NONE)],
)
def test_formats(name: str, reasoning_format: ReasoningFormat) -> None:
    assert chat(reasoning_format=name)[0].reasoning_format is reasoning_format


def test_a_format_that_we_do_not_have_is_refused() -> None:
    error = refusal(ChatRequest, {**CHAT, "reasoning_format": "deepseek-legacy"})
    expected = "expected 'auto' (or 'deepseek', which is the same) or 'none', got 'deepseek-legacy'"
    assert str(error) == f"reasoning_format: {expected}"


@pytest.mark.parametrize("name", ["thinking_budget_tokens", "reasoning_budget_tokens", "thinking_token_budget"])
def test_names_of_the_budget(name: str) -> None:
    assert [chat(**{name: budget})[0].thinking_budget_tokens for budget in (-1, 0, 64.0)] == [-1, 0, 64]


def test_thinking_is_switched_at_the_top_level_too() -> None:
    assert chat(enable_thinking=False)[0].template_options == {"enable_thinking": False}
    (job,) = chat(enable_thinking=True, chat_template_kwargs={"enable_thinking": True, "a": 1})
    assert job.template_options == {"enable_thinking": True, "a": 1}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"thinking_budget_tokens": -2}, "thinking_budget_tokens"),
        ({"thinking_budget_tokens": 5, "thinking_token_budget": 6}, "thinking_token_budget"),
        ({"enable_thinking": "no"}, "enable_thinking"),
        ({"enable_thinking": True, "chat_template_kwargs": {"enable_thinking": False}}, "enable_thinking"),
    ],
)
def test_contradictions_and_wrong_values_name_their_field(body: dict[str, Any], param: str) -> None:
    error = refusal(ChatRequest, {**CHAT, **body})
    assert (error.status, error.param) == (400, param)


CALL = {"id": "c", "type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize("last", [{"content": "Once"}, {"reasoning_content": "Hm"}])
@pytest.mark.parametrize("prompt", [{}, {"add_generation_prompt": False}])
def test_the_last_message_is_continued(last: dict[str, Any], prompt: dict[str, bool]) -> None:
    messages = [USER, {"role": "assistant", **last}]
    assert chat(messages=messages, continue_final_message=True, **prompt)[0].continues
    assert not chat(messages=messages, **prompt)[0].continues


@pytest.mark.parametrize(
    ("last", "got"),
    [
        (USER, "got one of the role user"),
        ({"role": "assistant", "content": "a", "tool_calls": [CALL]}, "got one with calls"),
        ({"role": "assistant", "content": "a", "function_call": {"name": "f"}}, "got one with calls"),
    ],
)
def test_only_an_assistants_words_and_thoughts_can_be_continued(last: dict[str, Any], got: str) -> None:
    error = refusal(ChatRequest, {"messages": [USER, last], "continue_final_message": True})
    expected = "expected an assistant's message without calls as the last one"
    assert (error.param, str(error)) == ("continue_final_message", f"continue_final_message: {expected}, {got}")


def test_a_continued_message_has_no_new_beginning() -> None:
    messages = [USER, {"role": "assistant", "content": "a"}]
    body = {"messages": messages, "continue_final_message": True, "add_generation_prompt": True}
    assert refusal(ChatRequest, body).param == "add_generation_prompt"
    assert not chat(add_generation_prompt=True)[0].continues


@pytest.mark.parametrize(("given", "strict"), [({"strict": True}, True), ({"strict": False}, None), ({}, None)])
def test_a_function_may_be_strict(given: dict[str, bool], strict: bool | None) -> None:
    (job,) = chat(tools=[{**TOOL, "function": {"name": "f", **given}}])
    assert job.tools[0]["function"].get("strict") is strict
