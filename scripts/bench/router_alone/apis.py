"""The APIs in which a streamed chat can be asked for, and strict readers of their streams."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scripts.bench.router_alone.light_client import WrongAnswer
from scripts.bench.router_alone.processes import MODEL

TextAndTokens = tuple[str, int]


@dataclass(frozen=True, slots=True)
class StreamedApi:
    """One API: its path, the body that asks ``prompt`` for an answer of so many tokens, and the reader of its stream.

    ``read`` returns the text and the number of tokens in the stream's own usage. It raises :class:`WrongAnswer` if the
    stream does not end as it should.
    """

    path: str
    body: Callable[[str, int], dict[str, Any]]
    read: Callable[[str], TextAndTokens]


def _messages(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


def _chat_body(prompt: str, tokens: int) -> dict[str, Any]:
    usage = {"include_usage": True}
    return {
        "model": MODEL,
        "messages": _messages(prompt),
        "max_tokens": tokens,
        "stream": True,
        "stream_options": usage,
    }


def _chunks(stream: str) -> list[dict[str, Any]]:
    """The objects of a stream that is whole: the last one has the usage."""
    events = _without_ids_and_comments(stream).split("\n\n")
    if events[-2:] != ["data: [DONE]", ""]:
        raise WrongAnswer(f"the stream ends with {events[-2:]}")
    objects: list[dict[str, Any]] = [json.loads(event.removeprefix("data: ")) for event in events[:-2]]
    if not objects or objects[-1].get("usage") is None:
        raise WrongAnswer(f"the last object has no usage: {objects[-1:]}")
    return objects


def _read_chat(stream: str) -> TextAndTokens:
    objects = _chunks(stream)
    deltas = [choice["delta"].get("content", "") for chunk in objects for choice in chunk["choices"]]
    return "".join(deltas), objects[-1]["usage"]["completion_tokens"]


def _completion_body(prompt: str, tokens: int) -> dict[str, Any]:
    usage = {"include_usage": True}
    return {"model": MODEL, "prompt": prompt, "max_tokens": tokens, "stream": True, "stream_options": usage}


def _read_completion(stream: str) -> TextAndTokens:
    objects = _chunks(stream)
    texts = [choice["text"] for chunk in objects for choice in chunk["choices"]]
    return "".join(texts), objects[-1]["usage"]["completion_tokens"]


def _responses_body(prompt: str, tokens: int) -> dict[str, Any]:
    return {"model": MODEL, "input": prompt, "max_output_tokens": tokens, "stream": True, "store": False}


def _read_responses(stream: str) -> TextAndTokens:
    objects = _objects(stream)
    last = objects[-1] if objects else {}
    if last.get("type") not in ("response.completed", "response.incomplete"):
        raise WrongAnswer(f"the stream ends with {objects[-1:]}")
    deltas = [event["delta"] for event in objects if event["type"] == "response.output_text.delta"]
    return "".join(deltas), last["response"]["usage"]["output_tokens"]


def _anthropic_body(prompt: str, tokens: int) -> dict[str, Any]:
    return {"model": MODEL, "messages": _messages(prompt), "max_tokens": tokens, "stream": True}


def _read_anthropic(stream: str) -> TextAndTokens:
    objects = _objects(stream)
    if len(objects) < 2 or objects[-1]["type"] != "message_stop":
        raise WrongAnswer(f"the stream ends with {objects[-1:]}")
    deltas = [event["delta"].get("text", "") for event in objects if event["type"] == "content_block_delta"]
    return "".join(deltas), objects[-2]["usage"]["output_tokens"]


def _ollama_body(prompt: str, tokens: int) -> dict[str, Any]:
    return {"model": MODEL, "messages": _messages(prompt), "options": {"num_predict": tokens}}


def _read_ollama(stream: str) -> TextAndTokens:
    lines = [json.loads(line) for line in stream.splitlines()]
    if not lines or not lines[-1].get("done"):
        raise WrongAnswer(f"the stream ends with {lines[-1:]}")
    return "".join(line["message"]["content"] for line in lines), lines[-1]["eval_count"]


def _objects(stream: str) -> list[dict[str, Any]]:
    """The objects of named events."""
    events = _without_ids_and_comments(stream).split("\n\n")[:-1]
    return [json.loads(event.partition("data: ")[2]) for event in events]


def _without_ids_and_comments(stream: str) -> str:
    return "\n".join(line for line in stream.split("\n") if not line.startswith(("id: ", ":")))


CHAT = StreamedApi("/v1/chat/completions", _chat_body, _read_chat)
OTHERS = (
    StreamedApi("/v1/responses", _responses_body, _read_responses),
    StreamedApi("/v1/messages", _anthropic_body, _read_anthropic),
    StreamedApi("/api/chat", _ollama_body, _read_ollama),
)
COMPLETIONS = StreamedApi("/v1/completions", _completion_body, _read_completion)
ALL = (CHAT, COMPLETIONS, *OTHERS)
