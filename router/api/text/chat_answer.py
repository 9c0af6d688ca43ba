"""Answers to chats: OpenAI's ``chat.completion``, whole or in chunks."""

from __future__ import annotations

from typing import Any

from router.answers.choices import CollectedCall, CollectedChoice
from router.answers.submission import SubmittedRequest
from router.api.text.logprobs import chat_logprobs
from router.api.text.rendering import Rendering
from router.api.text.text_object import TextChunks, head, whole_object
from router.http.json_text import json_text
from router.schemas.text.chat import ChatRequest
from shared.wire.payloads import Done, FinishReason, Payload, Tokens, ToolCallDelta


def whole_chat(request: ChatRequest, submitted: SubmittedRequest, choices: list[CollectedChoice]) -> dict[str, Any]:
    """The whole answer."""
    answer_id = submitted.record.answer_id
    objects = [
        {
            "index": index,
            "message": _message(answer_id, index, choice, request.is_legacy),
            "logprobs": chat_logprobs(choice.logprobs) if request.logprobs else None,
            "finish_reason": _finish_reason(choice.end.finish_reason, request.is_legacy) if choice.end else None,
        }
        for index, choice in enumerate(choices)
    ]
    return whole_object(submitted, head(submitted, "chatcmpl", "chat.completion"), objects)


class ChatChunks(TextChunks):
    """Writes ``chat.completion.chunk`` objects. Everything but the delta is formatted once per choice."""

    def __init__(self, rendering: Rendering, submitted: SubmittedRequest) -> None:
        super().__init__(head(submitted, "chatcmpl", "chat.completion.chunk"), rendering.include_usage)
        self._with_logprobs = rendering.logprobs
        self._is_legacy = rendering.is_legacy
        self._answer_id = submitted.record.answer_id
        self._delta_prefixes = [
            f'data: {self._head},"choices":[{{"index":{choice},"delta":' for choice in range(len(submitted.jobs))
        ]
        self._content_prefixes = [prefix + '{"content":' for prefix in self._delta_prefixes]
        self._plain_suffix = f',"logprobs":null,"finish_reason":null}}]{self._tail}'
        self._content_suffix = "}" + self._plain_suffix

    def opening(self) -> list[str]:
        """A chunk with the role for each choice."""
        role = '{"role":"assistant","content":""}'
        return [f"{prefix}{role}{self._plain_suffix}" for prefix in self._delta_prefixes]

    def render(self, choice: int, payloads: list[Payload]) -> list[str]:
        """A chunk for each step with text, each part of a tool call, and the end."""
        chunks = []
        for payload in payloads:
            if isinstance(payload, Tokens):
                if payload.logprobs and self._with_logprobs:
                    logprobs = json_text(chat_logprobs(payload.logprobs))
                    chunks.append(self._chunk(choice, f'{{"content":{json_text(payload.text)}}}', logprobs, "null"))
                elif payload.text:
                    chunks.append(f"{self._content_prefixes[choice]}{json_text(payload.text)}{self._content_suffix}")
                for delta in payload.tool_calls:
                    chunks += self._call_chunks(choice, delta)
            elif isinstance(payload, Done):
                reason = json_text(_finish_reason(payload.finish_reason, self._is_legacy))
                chunks.append(self._chunk(choice, "{}", "null", reason))
        return chunks

    def _call_chunks(self, choice: int, delta: ToolCallDelta) -> list[str]:
        chunks = []
        if delta.name is not None:
            call = _call(self._answer_id, choice, delta.index, CollectedCall(delta.name))
            chunks.append(self._call_delta(choice, delta.index, call))
        if delta.arguments:
            chunks.append(self._call_delta(choice, delta.index, {"function": {"arguments": delta.arguments}}))
        return chunks

    def _call_delta(self, choice: int, index: int, call: dict[str, Any]) -> str:
        delta = {"function_call": call["function"]} if self._is_legacy else {"tool_calls": [{"index": index, **call}]}
        return f"{self._delta_prefixes[choice]}{json_text(delta)}{self._plain_suffix}"

    def _chunk(self, choice: int, delta: str, logprobs: str, finish_reason: str) -> str:
        ending = f',"logprobs":{logprobs},"finish_reason":{finish_reason}}}]{self._tail}'
        return f"{self._delta_prefixes[choice]}{delta}{ending}"


def _message(answer_id: str, choice: int, collected: CollectedChoice, is_legacy: bool) -> dict[str, Any]:
    """The assistant's turn. The first call is (also) in ``function_call``, OpenAI's older field."""
    if not collected.calls:
        return {"role": "assistant", "content": collected.text}
    calls = [_call(answer_id, choice, index, call) for index, call in sorted(collected.calls.items())]
    return {
        "role": "assistant",
        "content": collected.text or None,
        **({} if is_legacy else {"tool_calls": calls}),
        "function_call": calls[0]["function"],
    }


def _finish_reason(reason: FinishReason, is_legacy: bool) -> str:
    """OpenAI's ``finish_reason``, in its older words if ``is_legacy``."""
    return "function_call" if is_legacy and reason is FinishReason.TOOL_CALLS else reason.value


def _call(answer_id: str, choice: int, index: int, call: CollectedCall) -> dict[str, Any]:
    """A tool call, with an id that is unique on this server."""
    suffix = f"-{choice}" if choice else ""
    return {
        "id": f"call__{index}_{call.name}_cmpl-{answer_id}{suffix}",
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
