"""Chats with pictures and recordings, as clients send them to a server, and what its workers computed for them."""

from __future__ import annotations

import base64
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.support.media.contents import COLOURS, picture_file
from tests.support.running_server import RunningServer, wait_until

Messages = list[dict[str, Any]]

PATH = "/v1/chat/completions"
SYSTEM = "You name colours."
BEFORE, AFTER = "The colour is:", " Name this colour."
"""Around a picture. So asked, both small models name each picture's colour, in whatever order a chat has them."""


def colour_file(colour: str, form: str = "PNG", width: int = 140, height: int = 100) -> bytes:
    """A picture of one colour."""
    return picture_file(np.full((height, width, 3), COLOURS[colour], np.uint8), form)


def noise_file(seed: int, width: int = 140, height: int = 100) -> bytes:
    """A picture unlike others."""
    return picture_file(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def in_base64(data: bytes) -> str:
    """As JSON carries a file."""
    return base64.b64encode(data).decode()


def data_url(data: bytes, kind: str = "image/png") -> str:
    """The file as a URL."""
    return f"data:{kind};base64,{in_base64(data)}"


def shown(data: bytes, kind: str = "image/png") -> dict[str, Any]:
    """The part that is a picture."""
    return {"type": "image_url", "image_url": {"url": data_url(data, kind)}}


def heard(data: bytes, form: str = "wav") -> dict[str, Any]:
    """The part that is a recording."""
    return {"type": "input_audio", "input_audio": {"data": in_base64(data), "format": form}}


def said(text: str) -> dict[str, Any]:
    """The part that is a text."""
    return {"type": "text", "text": text}


def asked(*parts: dict[str, Any], system: str = SYSTEM) -> Messages:
    """A chat with one question."""
    return [{"role": "system", "content": system}, {"role": "user", "content": list(parts)}]


def colour_chat(*pictures: bytes, answers: Sequence[str] = (), system: str = SYSTEM) -> Messages:
    """A chat with a picture in each question; ``answers`` are those to all but the last."""
    messages: Messages = [{"role": "system", "content": system}]
    for turn, picture in enumerate(pictures):
        messages.append({"role": "user", "content": [said(BEFORE), shown(picture), said(AFTER)]})
        messages += [{"role": "assistant", "content": answer} for answer in answers[turn : turn + 1]]
    return messages


def names_of(text: str) -> list[str]:
    """The colours that an answer names."""
    return [colour for colour in COLOURS if colour in text.lower()]


def named(server: RunningServer, model: str, messages: Messages) -> str:
    """The likeliest name of a colour: of all tokens, only these three can be said."""
    bias = {str(_token(server, model, f" {colour}")): 100 for colour in COLOURS}
    body = {"model": model, "messages": messages, "max_tokens": 1, "temperature": 0, "logit_bias": bias}
    text: str = server.post(PATH, body)["choices"][0]["message"]["content"]
    return text.strip()


def _token(server: RunningServer, model: str, text: str) -> int:
    (token,) = server.post("/tokenize", {"model": model, "content": text})["tokens"]
    return int(token)


@dataclass(frozen=True, slots=True)
class AnsweredChat:
    """The answer to a chat of ``prompt_tokens``, of which ``cached_tokens`` were cached."""

    text: str
    prompt_tokens: int
    cached_tokens: int


class CountedChats:
    """Chats with a model of one worker, to which nobody else sends any; heartbeats tell what it computed for them.

    Several threads may ask.
    """

    def __init__(self, server: RunningServer, model: str) -> None:
        self.server, self.model = server, model
        self._prompt_tokens = self._row()["prompt_tokens"]
        self._lock = threading.Lock()

    def ask(self, messages: Messages, max_tokens: int = 6, **fields: Any) -> AnsweredChat:
        """The answer, always of the likeliest tokens."""
        body = {"model": self.model, "messages": messages, "max_tokens": max_tokens, "temperature": 0, **fields}
        answer = self.server.post(PATH, body)
        usage = answer["usage"]
        self.note(usage["prompt_tokens"])
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
        return AnsweredChat(answer["choices"][0]["message"]["content"], usage["prompt_tokens"], cached)

    def note(self, prompt_tokens: int) -> None:
        """Somebody has asked something else."""
        with self._lock:
            self._prompt_tokens += prompt_tokens

    def encoded(self) -> int:
        """The pieces of media that the worker has computed so far, all chats that were asked included."""
        row: dict[str, Any] = wait_until(self._settled, "a heartbeat with all that was asked")
        return int(row["media_encoded"])

    def _settled(self) -> dict[str, Any] | None:
        row = self._row()
        is_idle = row["running"] == row["queued"] == 0
        return row if is_idle and row["prompt_tokens"] == self._prompt_tokens else None

    def _row(self) -> dict[str, Any]:
        (row,) = [row for row in self.server.workers() if row["model"] == self.model]
        return row
