"""Answers of ``/api/chat``, whole or in lines."""

from __future__ import annotations

from typing import Any

from router.answers.choices import CollectedChoice
from router.answers.submission import SubmittedRequest
from router.api.ollama.lines import (
    OllamaLines,
    OllamaRendering,
    OpenCalls,
    ending,
    now_text,
    ollama_calls,
    ollama_logprobs,
)
from router.api.text.dialect import Dialect
from router.http.json_text import json_text
from router.schemas.ollama.chat import OllamaChatRequest
from shared.wire.payloads import Done, Payload, Tokens


def whole_ollama_chat(
    body: OllamaChatRequest, submitted: SubmittedRequest, choices: list[CollectedChoice]
) -> dict[str, Any]:
    """The whole answer."""
    choice = choices[0]
    message: dict[str, Any] = {"role": "assistant", "content": choice.text}
    if choice.reasoning:
        message["thinking"] = choice.reasoning
    if calls := ollama_calls(choice.calls, submitted.record.answer_id):
        message["tool_calls"] = calls
    logprobs = {"logprobs": ollama_logprobs(choice.logprobs)} if body.logprobs and choice.logprobs else {}
    head = {"model": body.asked_model, "created_at": now_text(), "message": message}
    return {**head, **logprobs, **ending(submitted)}


class OllamaChatLines(OllamaLines):
    """Writes a line for each step with text, a thought or a whole call, and one for the end."""

    _content = '","message":{"role":"assistant","content":'
    _closing = "}"

    def __init__(self, rendering: OllamaRendering, submitted: SubmittedRequest) -> None:
        super().__init__(rendering, submitted)
        self._calls = OpenCalls(submitted.record.answer_id)

    def render(self, choice: int, payloads: list[Payload]) -> list[str]:
        """The lines for some events."""
        lines = []
        start = self._start()
        for payload in payloads:
            if isinstance(payload, Tokens):
                lines += self._text_lines(start, payload)
                if payload.tool_calls:
                    lines += self._call_lines(start, self._calls.add(payload))
            elif isinstance(payload, Done):
                lines += self._call_lines(start, self._calls.close())
        return lines

    def closing(self, submitted: SubmittedRequest) -> list[str]:
        """The last line: why the answer ended, and what it took."""
        message = {"role": "assistant", "content": ""}
        last = {"model": self._model, "created_at": now_text(), "message": message, **ending(submitted)}
        return [f"{json_text(last)}\n"]

    def _call_lines(self, start: str, calls: list[dict[str, Any]]) -> list[str]:
        return [f'{start}"","tool_calls":[{json_text(call)}]}},"done":false}}\n' for call in calls]


OLLAMA_CHAT = Dialect(
    write_whole=whole_ollama_chat,
    rendering=lambda body: OllamaRendering(body.asked_model, body.logprobs),
    rendering_type=OllamaRendering,
    make_writer=OllamaChatLines,
)
