"""The message that an answer is, in OpenAI's form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from workers.chat.parsing.parts import AnswerPart, Arguments, CallBegin, KeptThought, Thought, Words


def message_of(parts: Iterable[AnswerPart]) -> dict[str, Any]:
    """The message: its words, its thought if there is one, and its calls if there are some."""
    thoughts, texts, calls, arguments = list[str](), list[str](), list[dict[str, Any]](), list[list[str]]()
    for part in parts:
        match part:
            case Thought(text):
                thoughts.append(text)
            case Words(text) | KeptThought(text):
                texts.append(text)
            case CallBegin(name, identifier):
                call = {"id": identifier or f"call{len(calls):05d}", "type": "function", "function": {"name": name}}
                calls.append(call)
                arguments.append([])
            case Arguments(text):
                arguments[-1].append(text)
    thought, words = "".join(thoughts), "".join(texts)
    message: dict[str, Any] = {"role": "assistant", "content": words or (None if calls else "")}
    if thought:
        message["reasoning_content"] = thought
    if calls:
        message["tool_calls"] = [
            {**call, "function": {**call["function"], "arguments": "".join(written) or "{}"}}
            for call, written in zip(calls, arguments, strict=True)
        ]
    return message
