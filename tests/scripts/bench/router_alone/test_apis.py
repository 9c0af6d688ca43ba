"""The readers of streams, which refuse those that do not end as they should."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scripts.bench.router_alone.apis import OTHERS
from scripts.bench.router_alone.light_client import WrongAnswer

RESPONSES, MESSAGES, OLLAMA = OTHERS


def events(*objects: dict[str, Any]) -> str:
    return "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in objects)


def lines(*objects: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(one)}\n" for one in objects)


def test_the_text_and_usage_of_each_api_are_read() -> None:
    delta = {"type": "response.output_text.delta", "delta": "a "}
    completed = {"type": "response.completed", "response": {"usage": {"output_tokens": 2}}}
    assert RESPONSES.read(events(delta, delta, completed)) == ("a a ", 2)

    text = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a "}}
    usage = {"type": "message_delta", "usage": {"output_tokens": 1}}
    assert MESSAGES.read(events(text, usage, {"type": "message_stop"})) == ("a ", 1)

    word = {"message": {"content": "a "}, "done": False}
    assert OLLAMA.read(lines(word, {"message": {"content": ""}, "done": True, "eval_count": 1})) == ("a ", 1)


@pytest.mark.parametrize(
    ("api", "stream"),
    [
        (RESPONSES, events({"type": "response.failed", "response": {}})),
        (RESPONSES, ""),
        (MESSAGES, events({"type": "error", "error": {}})),
        (MESSAGES, ""),
        (OLLAMA, lines({"message": {"content": "a"}, "done": False})),
        (OLLAMA, ""),
    ],
)
def test_a_stream_without_its_end_is_refused(api: Any, stream: str) -> None:
    with pytest.raises(WrongAnswer, match="ends with"):
        api.read(stream)
