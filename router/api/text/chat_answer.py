"""Answers to chats: OpenAI's ``chat.completion``, whole or in chunks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from router.answers.choices import CollectedCall, CollectedChoice
from router.answers.submission import SubmittedRequest
from router.api.text.dialect import Dialect
from router.api.text.logprobs import chat_logprobs
from router.api.text.rendering import Rendering
from router.api.text.text_object import TextChunks, head, whole_object
from router.http.json_text import json_text
from router.schemas.text.chat import ChatRequest
from router.schemas.text.function_calling import FunctionCallingRequest
from shared.wire.call_ids import short_id
from shared.wire.payloads import Done, FinishReason, Payload, Tokens, ToolCallDelta


def whole_chat(request: ChatRequest, submitted: SubmittedRequest, choices: list[CollectedChoice]) -> dict[str, Any]:
    """The whole answer."""
    ids = CallIds(submitted.record.answer_id, isinstance(request, FunctionCallingRequest))
    objects = [
        {
            "index": index,
            "message": _message(ids, index, choice, request.is_legacy),
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
        self._ids = CallIds(submitted.record.answer_id, rendering.long_ids)
        self._delta_prefixes = [
            f'data: {self._head},"choices":[{{"index":{choice},"delta":' for choice in range(len(submitted.jobs))
        ]
        self._content_prefixes = [prefix + '{"content":' for prefix in self._delta_prefixes]
        self._thought_prefixes = [prefix + '{"reasoning_content":' for prefix in self._delta_prefixes]
        self._plain_suffix = f',"logprobs":null,"finish_reason":null}}]{self._tail}'
        self._content_suffix = "}" + self._plain_suffix

    def opening(self) -> list[str]:
        """A chunk with the role for each choice."""
        role = '{"role":"assistant","content":""}'
        return [f"{prefix}{role}{self._plain_suffix}" for prefix in self._delta_prefixes]

    def render(self, choice: int, payloads: list[Payload]) -> list[str]:
        """A chunk for each step with a thought, one for each with text, each part of a tool call, and the end."""
        chunks = []
        for payload in payloads:
            if isinstance(payload, Tokens):
                with_logprobs = bool(payload.logprobs) and self._with_logprobs
                if payload.reasoning and with_logprobs and not payload.text:
                    chunks.append(self._with_logprobs_of(payload, choice, "reasoning_content", payload.reasoning))
                    with_logprobs = False
                elif payload.reasoning:
                    thought = json_text(payload.reasoning)
                    chunks.append(f"{self._thought_prefixes[choice]}{thought}{self._content_suffix}")
                if with_logprobs:
                    chunks.append(self._with_logprobs_of(payload, choice, "content", payload.text))
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
            call = _call(self._ids, choice, delta.index, CollectedCall(delta.name))
            chunks.append(self._call_delta(choice, delta.index, call))
        if delta.arguments:
            chunks.append(self._call_delta(choice, delta.index, {"function": {"arguments": delta.arguments}}))
        return chunks

    def _call_delta(self, choice: int, index: int, call: dict[str, Any]) -> str:
        delta = {"function_call": call["function"]} if self._is_legacy else {"tool_calls": [{"index": index, **call}]}
        return f"{self._delta_prefixes[choice]}{json_text(delta)}{self._plain_suffix}"

    def _with_logprobs_of(self, tokens: Tokens, choice: int, field: str, text: str) -> str:
        """A chunk with the log probabilities of all tokens of a step."""
        logprobs = json_text(chat_logprobs(tokens.logprobs))
        return self._chunk(choice, f'{{"{field}":{json_text(text)}}}', logprobs, "null")

    def _chunk(self, choice: int, delta: str, logprobs: str, finish_reason: str) -> str:
        ending = f',"logprobs":{logprobs},"finish_reason":{finish_reason}}}]{self._tail}'
        return f"{self._delta_prefixes[choice]}{delta}{ending}"


CHAT = Dialect(whole_chat, Rendering.of, Rendering, ChatChunks)


@dataclass(frozen=True, slots=True)
class CallIds:
    """The ids of an answer's calls: 9 letters and digits, or ``long`` ones that name function and answer."""

    answer_id: str
    long: bool

    def id_of(self, choice: int, index: int, name: str) -> str:
        """The id of a call, the same in whole and in streamed answers."""
        if not self.long:
            return short_id(f"{self.answer_id}/{choice}/{index}")
        suffix = f"-{choice}" if choice else ""
        return f"call__{index}_{name}_cmpl-{self.answer_id}{suffix}"


def _message(ids: CallIds, choice: int, collected: CollectedChoice, is_legacy: bool) -> dict[str, Any]:
    """The assistant's turn. The first call is (also) in ``function_call``, OpenAI's older field."""
    thought = {"reasoning_content": collected.reasoning} if collected.reasoning else {}
    if not collected.calls:
        return {"role": "assistant", "content": collected.text, **thought}
    calls = [_call(ids, choice, index, call) for index, call in sorted(collected.calls.items())]
    return {
        "role": "assistant",
        "content": collected.text or None,
        **thought,
        **({} if is_legacy else {"tool_calls": calls}),
        "function_call": calls[0]["function"],
    }


def _finish_reason(reason: FinishReason, is_legacy: bool) -> str:
    """OpenAI's ``finish_reason``, in its older words if ``is_legacy``."""
    return "function_call" if is_legacy and reason is FinishReason.TOOL_CALLS else reason.value


def _call(ids: CallIds, choice: int, index: int, call: CollectedCall) -> dict[str, Any]:
    """A tool call."""
    return {
        "id": ids.id_of(choice, index, call.name),
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
