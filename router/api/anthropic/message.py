"""Answers of ``/v1/messages``: Anthropic's ``message``, whole or in events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

from router.answers.choices import CollectedChoice
from router.answers.stream_format import LOADING, QUEUED, StreamFormat
from router.answers.submission import SubmittedRequest
from router.api.anthropic.errors import error_object
from router.api.text.arguments import read_arguments, whole_escapes
from router.api.text.dialect import Dialect
from router.http.json_text import json_text
from router.schemas.anthropic.request import MessagesRequest
from router.schemas.anthropic.signatures import SIGNATURE, carrying
from router.schemas.errors import ApiError
from shared.wire.codec import Struct
from shared.wire.payloads import Done, FinishReason, Payload, Started, Tokens, ToolCallDelta

_PING = 'event: ping\ndata: {"type":"ping"}\n\n'
MESSAGE_EVENTS = StreamFormat("text/event-stream; charset=utf-8", _PING, QUEUED + _PING, LOADING + _PING)
"""Server-sent events. Signs of life are events too, which Anthropic's clients skip."""

THINKING, TEXT, TOOL_USE = "thinking", "text", "tool_use"


class MessageRendering(Struct, frozen=True):
    """What must be known of a body: whether thoughts are left out."""

    omits_thoughts: bool = False

    @classmethod
    def of(cls, body: MessagesRequest) -> MessageRendering:
        """The rendering that a body asks for."""
        return cls(body.thinking is not None and body.thinking.display == "omitted")


def whole_message(
    request: MessagesRequest, submitted: SubmittedRequest, choices: list[CollectedChoice]
) -> dict[str, Any]:
    """The whole answer."""
    (choice,) = choices
    assert choice.end is not None
    omits_thoughts = MessageRendering.of(request).omits_thoughts
    content: list[dict[str, Any]] = []
    for kind, text, index in _blocks_of(choice):
        match kind:
            case "thinking":
                content.append(_thinking("" if omits_thoughts else text, _signature(text, omits_thoughts)))
            case "text":
                content.append({"type": TEXT, "text": text})
            case _:
                call = choice.calls[index]
                content.append(_tool_use(submitted, index, call.name, _given(call.arguments)))
    return {
        **_head(submitted),
        "content": content,
        **_stop(choice.end),
        "usage": _usage(choice.end.prompt_tokens, choice.end.cached_tokens, _output(choice.end)),
    }


def _blocks_of(choice: CollectedChoice) -> Iterator[tuple[str, str, int]]:
    """The kind and the text of each block, in the order of the answer; of calls, their index."""
    kind, parts = "", list[str]()
    calls = sorted(choice.calls.items())
    for step, (thought, text) in enumerate(zip(choice.thoughts, choice.texts, strict=True)):
        for said, of in ((thought, THINKING), (text, TEXT)):
            if not said:
                continue
            if kind != of and parts:
                yield kind, "".join(parts), -1
                parts = []
            kind = of
            parts.append(said)
        while calls and calls[0][1].step == step:
            if parts:
                yield kind, "".join(parts), -1
                parts = []
            yield TOOL_USE, "", calls.pop(0)[0]
    if parts:
        yield kind, "".join(parts), -1


class MessageEvents:
    """Writes the events of a message. Everything but the text is formatted once per content block."""

    stream_format = MESSAGE_EVENTS

    def __init__(self, rendering: MessageRendering, submitted: SubmittedRequest) -> None:
        self._submitted = submitted
        self._omits_thoughts = rendering.omits_thoughts
        self._begun = False
        self._open = ""
        self._call = -1
        self._blocks = 0
        self._thought: list[str] = []
        self._prefix = ""

    def opening(self) -> list[str]:
        """Nothing: the first event has the number of the prompt's tokens."""
        return []

    def render(self, choice: int, payloads: list[Payload]) -> list[str]:
        """The start, what each step adds, and the end."""
        events: list[str] = []
        for payload in payloads:
            if isinstance(payload, Tokens):
                self._add(payload, events)
            elif isinstance(payload, Started):
                self._start(payload, events)
            elif isinstance(payload, Done):
                self._close(events)
                output = _output(payload)
                usage = _usage(payload.prompt_tokens, payload.cached_tokens, output)
                events.append(_event("message_delta", delta=_stop(payload), usage=usage))
        return events

    def closing(self, submitted: SubmittedRequest) -> list[str]:
        """The end of the message."""
        return [_event("message_stop")]

    def failure(self, error: ApiError) -> list[str]:
        """An ``error`` event."""
        return [f"event: error\ndata: {json_text(error_object(error, self._submitted.record.request_id))}\n\n"]

    def _start(self, started: Started, events: list[str]) -> None:
        if self._begun:
            return
        self._begun = True
        usage = _usage(started.prompt_tokens, started.cached_tokens, {"output_tokens": 0})
        nothing: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None}
        events.append(_event("message_start", message={**_head(self._submitted), **nothing, "usage": usage}))

    def _add(self, tokens: Tokens, events: list[str]) -> None:
        """Add a step. More of an open call stands before anything else that the step has."""
        calls = tokens.tool_calls
        while calls and calls[0].name is None:
            self._arguments(calls[0], events)
            calls = calls[1:]
        if tokens.reasoning:
            self._think(tokens.reasoning, events)
        if tokens.text:
            if self._open != TEXT:
                self._begin(TEXT, {"type": TEXT, "text": ""}, "text_delta", "text", events)
            events.append(f"{self._prefix}{json_text(tokens.text)}}}}}\n\n")
        for delta in calls:
            if delta.name is not None:
                block = _tool_use(self._submitted, delta.index, delta.name, {})
                self._begin(TOOL_USE, block, "input_json_delta", "partial_json", events)
                self._call = delta.index
            self._arguments(delta, events)

    def _arguments(self, delta: ToolCallDelta, events: list[str]) -> None:
        """More of a call. One that is closed can only lack the arguments ``{}``, which are its own from the start."""
        if delta.arguments and self._open == TOOL_USE and self._call == delta.index:
            events.append(f"{self._prefix}{json_text(delta.arguments)}}}}}\n\n")

    def _think(self, thought: str, events: list[str]) -> None:
        if self._open != THINKING:
            self._begin(THINKING, _thinking("", ""), "thinking_delta", "thinking", events)
        if self._omits_thoughts:
            self._thought.append(thought)
        else:
            events.append(f"{self._prefix}{json_text(thought)}}}}}\n\n")

    def _begin(self, kind: str, block: dict[str, Any], delta: str, member: str, events: list[str]) -> None:
        """Begin a content block; ``delta`` and ``member`` are the type and the member of its further events."""
        self._close(events)
        self._open = kind
        head = f'"type":"content_block_delta","index":{self._blocks},"delta":{{"type":"{delta}","{member}":'
        self._prefix = f"event: content_block_delta\ndata: {{{head}"
        events.append(_event("content_block_start", index=self._blocks, content_block=block))

    def _close(self, events: list[str]) -> None:
        if not self._open:
            return
        if self._open == THINKING:
            signature = _signature("".join(self._thought), self._omits_thoughts)
            delta = {"type": "signature_delta", "signature": signature}
            events.append(_event("content_block_delta", index=self._blocks, delta=delta))
            self._thought.clear()
        events.append(_event("content_block_stop", index=self._blocks))
        self._blocks += 1
        self._open = ""


MESSAGE = Dialect(whole_message, MessageRendering.of, MessageRendering, MessageEvents)


def _event(kind: str, **members: Any) -> str:
    return f"event: {kind}\ndata: {json_text({'type': kind, **members})}\n\n"


def _head(submitted: SubmittedRequest) -> dict[str, Any]:
    """The first members of a message."""
    return {
        "id": f"msg_{submitted.record.answer_id}",
        "type": "message",
        "role": "assistant",
        "model": submitted.model,
    }


def _thinking(thought: str, signature: str) -> dict[str, Any]:
    return {"type": THINKING, "thinking": thought, "signature": signature}


def _signature(thought: str, omits_thoughts: bool) -> str:
    return carrying(thought) if omits_thoughts else SIGNATURE


def _tool_use(submitted: SubmittedRequest, index: int, name: str, given: Any) -> dict[str, Any]:
    """A call. Its id is the same in whole and in streamed answers."""
    return {"type": TOOL_USE, "id": f"toolu_{submitted.record.answer_id}{index:02}", "name": name, "input": given}


def _given(arguments: str) -> Any:
    """The arguments of a call; of one that was cut off, those that are whole, as clients of streams read them."""
    try:
        return read_arguments(arguments)
    except ValueError:
        pass
    try:
        return from_json(whole_escapes(arguments), allow_partial=True)
    except ValueError:
        return {}


def _stop(done: Done) -> dict[str, Any]:
    """Why the answer ended."""
    match done.finish_reason:
        case FinishReason.TOOL_CALLS:
            reason = "tool_use"
        case FinishReason.LENGTH:
            reason = "model_context_window_exceeded" if done.context_full else "max_tokens"
        case FinishReason.STOP:
            reason = "end_turn" if done.stop is None else "stop_sequence"
    return {"stop_reason": reason, "stop_sequence": done.stop}


def _output(done: Done) -> dict[str, Any]:
    """The tokens of an answer, as a part of its usage."""
    details = {"output_tokens_details": {"thinking_tokens": done.reasoning_tokens}} if done.reasoning_tokens else {}
    return {"output_tokens": done.completion_tokens, **details}


def _usage(prompt_tokens: int, cached_tokens: int, output: dict[str, Any]) -> dict[str, Any]:
    """The token counts. In Anthropic's, those from the cache are not among the ``input_tokens``."""
    return {
        "input_tokens": prompt_tokens - cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached_tokens,
        **output,
    }
