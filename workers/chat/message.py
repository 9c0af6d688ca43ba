"""The message that an answer is, in OpenAI's form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from workers.chat.parsing.parts import AnswerPart, Arguments, CallBegin, KeptThought, Thought, Words


def message_of(parts: Iterable[AnswerPart]) -> dict[str, Any]:
    """The message: its words, its thought if there is one, and its calls if there are some."""
    thought, words, calls = "", "", list[dict[str, Any]]()
    for part in parts:
        match part:
            case Thought(text):
                thought += text
            case Words(text) | KeptThought(text):
                words += text
            case CallBegin(name, identifier):
                function = {"name": name, "arguments": ""}
                calls.append({"id": identifier or f"call{len(calls):05d}", "type": "function", "function": function})
            case Arguments(text):
                calls[-1]["function"]["arguments"] += text
    message: dict[str, Any] = {"role": "assistant", "content": words or (None if calls else "")}
    if thought:
        message["reasoning_content"] = thought
    if calls:
        message["tool_calls"] = [_complete(call) for call in calls]
    return message


def _complete(call: dict[str, Any]) -> dict[str, Any]:
    """The call; one without arguments has none."""
    function = call["function"]
    return {**call, "function": {**function, "arguments": function["arguments"] or "{}"}}
