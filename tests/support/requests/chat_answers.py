"""Chat completions as the openai package gives them, whole or streamed, in one form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import openai


@dataclass
class ChatAnswer:
    """One choice. Equal answers may have other ids of calls.

    ``calls`` are names and texts of arguments.
    """

    words: str = ""
    thought: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    finish_reason: str | None = None
    ids: list[str] = field(default_factory=list, compare=False)


def functions_of(calls: list[dict[str, Any]] | None) -> list[tuple[str, str]]:
    """The names and arguments of calls."""
    return [(call["function"]["name"], call["function"]["arguments"]) for call in calls or []]


def asked(client: openai.OpenAI, body: dict[str, Any]) -> list[ChatAnswer]:
    """The choices of a whole answer."""
    completion = client.chat.completions.create(**body)
    answers = []
    for choice in completion.model_dump()["choices"]:
        message = choice["message"]
        calls = message["tool_calls"]
        answers.append(
            ChatAnswer(
                message["content"] or "",
                message.get("reasoning_content") or "",
                functions_of(calls),
                choice["finish_reason"],
                [call["id"] for call in calls or []],
            )
        )
    return answers


def streamed(client: openai.OpenAI, body: dict[str, Any]) -> list[ChatAnswer]:
    """The choices of a streamed answer."""
    answers = [ChatAnswer() for _ in range(body.get("n", 1))]
    for chunk in client.chat.completions.create(**body, stream=True):
        add_chunk(answers, chunk.model_dump())
    return answers


def add_chunk(answers: list[ChatAnswer], chunk: dict[str, Any]) -> None:
    """Add what a chunk of a stream has."""
    for choice in chunk["choices"]:
        answer, delta = answers[choice["index"]], choice["delta"]
        answer.words += delta.get("content") or ""
        answer.thought += delta.get("reasoning_content") or ""
        answer.finish_reason = choice["finish_reason"] or answer.finish_reason
        for call in delta.get("tool_calls") or []:
            if call.get("id"):
                answer.calls.append((call["function"]["name"], ""))
                answer.ids.append(call["id"])
            name, arguments = answer.calls[call["index"]]
            answer.calls[call["index"]] = (name, arguments + (call["function"]["arguments"] or ""))
