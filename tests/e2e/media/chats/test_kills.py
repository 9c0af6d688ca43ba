"""A worker that is killed while it looks at a picture: the other one answers, with the same text."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from scripts.make_media.cache import made
from tests.support.media.asking import PATH, Messages, asked, colour_file, said, shown
from tests.support.running_server import RunningServer, running, wait_until

OPTIONS = ["--threads", "1", "--slots", "1", "--nctx", "4096"]
"""With as many threads, sums are rounded alike in each server."""

NUMBERS = {
    "type": "object",
    "properties": {"numbers": {"type": "array", "items": {"type": "integer"}, "minItems": 25, "maxItems": 25}},
    "required": ["numbers"],
    "additionalProperties": False,
}
LIST: dict[str, Any] = {
    "max_tokens": 200,
    "response_format": {"type": "json_schema", "json_schema": {"name": "list", "schema": NUMBERS, "strict": True}},
}
"""Goes on in one way only, by such a margin that the batch's shape does not matter."""

GO_ON = said("\nGo on: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,")
MID_ANSWER = 40
"""Characters of an answer that were sent when its worker ends."""

Row = dict[str, Any]


def encodes(row: Row) -> bool:
    """Whether the worker has begun to encode, and nothing is encoded yet."""
    return bool(row["running"]) and row["media_encode_s"] > 0 and row["media_encoded"] == 0


def decodes_pictures(row: Row) -> bool:
    """Whether both pictures are encoded, and no token was generated."""
    return bool(row["running"]) and row["media_encoded"] == 2 and row["generated_tokens"] == 0


@dataclass(frozen=True)
class KilledChat:
    """A chat with a pair, and when its worker is killed: at that moment by its row, or in the middle of its answer."""

    pair: str
    messages: Callable[[], Messages]
    fields: dict[str, Any]
    moment: Callable[[Row], bool] | None

    def body(self) -> dict[str, Any]:
        """The request."""
        return {"model": self.pair, "messages": self.messages(), "temperature": 0, **self.fields}


CHATS = {
    "while a picture is encoded": KilledChat(
        "tower",
        lambda: asked(said("Look:"), shown(colour_file("red", width=512, height=512)), said("\nWhat is it?")),
        {"max_tokens": 16, "ignore_eos": True},
        encodes,
    ),
    "while pictures are decoded": KilledChat(
        "qwen2vl",
        lambda: asked(*(shown(colour_file(name, width=672, height=672)) for name in ("blue", "red")), GO_ON),
        LIST,
        decodes_pictures,  # 576 embeddings of each, which take seconds
    ),
    "in the middle of the answer": KilledChat("smolvlm", lambda: asked(shown(colour_file("blue")), GO_ON), LIST, None),
}


def streamed(server: RunningServer, body: dict[str, Any], behind: Callable[[str], None] = lambda _: None) -> str:
    """The text of a streamed answer; ``behind`` is called with what there is of it behind each piece."""
    text = ""
    for chunk in server.stream(PATH, body):
        text += chunk["choices"][0]["delta"].get("content") or "" if chunk["choices"] else ""
        behind(text)
    return text


def kill_one(server: RunningServer, moment: Callable[[Row], bool]) -> None:
    """Kill the worker whose row is so, as soon as one is."""
    row = wait_until(lambda: next(filter(moment, server.workers()), None), "a worker at work")
    os.kill(row["pid"], signal.SIGKILL)


@pytest.mark.parametrize("chat", CHATS.values(), ids=CHATS)
def test_a_killed_worker_changes_no_text(chat: KilledChat) -> None:
    model = str(made(chat.pair).model)
    with running(model, *OPTIONS) as server:
        calm = streamed(server, chat.body())
    assert calm
    with running(model, "--workers", "2", *OPTIONS) as server, ThreadPoolExecutor(1) as others:
        wait_until(lambda: len(server.worker_pids()) == 2, "both workers are ready")
        if chat.moment is None:
            killed: list[int] = []

            def kill_once(text: str) -> None:
                if not killed and len(text) > MID_ANSWER:
                    killed.append(len(text))
                    kill_one(server, lambda row: bool(row["running"]))

            assert streamed(server, chat.body(), kill_once) == calm
            assert killed
        else:
            answer = others.submit(streamed, server, chat.body())
            kill_one(server, chat.moment)
            assert answer.result(200) == calm
        wait_until(lambda: len(server.worker_pids()) == 2, "both workers are ready again")
        assert sum(row["restarts"] for row in server.workers()) == 1
