"""Questions to models of different kinds, whose answers are known: texts, transcripts, pictures."""

from __future__ import annotations

import base64
import json
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from scripts.chaos.asking import Broken, ask_streamed, ask_whole
from scripts.chaos.expected import ModelAnswers
from scripts.chaos.record import Record

TIMEOUT_S = 300.0
RECORDING = Path(__file__).parents[2] / "tests" / "data" / "jfk.flac"
PNG = b"\x89PNG\r\n\x1a\n"
SIDES = (64, 128, 192)


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a question. ``first_at_s``: when the answer began to come, by the monotonic clock.

    ``refusal`` is the error that came instead of an answer, ``problem`` what is wrong with the answer; else both are
    empty.
    """

    status: int
    refusal: str = ""
    problem: str = ""
    first_at_s: float = 0.0


class Subject(Protocol):
    """A model that users ask."""

    model: str

    async def prepare(self, session: aiohttp.ClientSession, url: str) -> None:
        """Record the right answers, while nobody else asks."""

    async def ask(
        self, session: aiohttp.ClientSession, url: str, chooser: random.Random, record: Record, streamed: bool
    ) -> Reply:
        """Ask something and check the answer. Raises :class:`Broken` or ``aiohttp.ClientError`` without one."""


class Continuations:
    """Greedy continuations, which must be those that were recorded before."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.answers = ModelAnswers(model)

    async def prepare(self, session: aiohttp.ClientSession, url: str) -> None:
        await self.answers.prepare(session, url)

    async def ask(
        self, session: aiohttp.ClientSession, url: str, chooser: random.Random, record: Record, streamed: bool
    ) -> Reply:
        task = self.answers.task(self.model, chooser)
        ask = ask_streamed if streamed else ask_whole
        answer = await ask(session, f"{url}/v1/completions", task.body, record, self.model, TIMEOUT_S)
        first_at_s = answer.first_at_s or record.now_s()
        if answer.status != 200 or answer.error:
            return Reply(answer.status, answer.error or "no error text", first_at_s=first_at_s)
        return Reply(200, problem=self.answers.problem(task, answer), first_at_s=first_at_s)


class Transcripts:
    """A recording, whose words must be those that were recorded before."""

    def __init__(self, model: str) -> None:
        self.model = model
        self._expected = ""

    async def prepare(self, session: aiohttp.ClientSession, url: str) -> None:
        reply, self._expected = await self._transcribe(session, url, Record(), streamed=False)
        if "country" not in self._expected:
            raise RuntimeError(f"{self.model}: expected a transcript, got {reply.status} {reply.refusal}")

    async def ask(
        self, session: aiohttp.ClientSession, url: str, chooser: random.Random, record: Record, streamed: bool
    ) -> Reply:
        reply, text = await self._transcribe(session, url, record, streamed)
        wrong = not reply.refusal and text != self._expected
        problem = f"{self.model}: expected {self._expected!r}, got {text!r}" if wrong else ""
        return Reply(reply.status, reply.refusal, problem, reply.first_at_s)

    async def _transcribe(
        self, session: aiohttp.ClientSession, url: str, record: Record, streamed: bool
    ) -> tuple[Reply, str]:
        form = aiohttp.FormData({"model": self.model, "stream": "true" if streamed else "false"})
        form.add_field("file", RECORDING.read_bytes(), filename=RECORDING.name)
        posted = _Posted(f"{url}/v1/audio/transcriptions", record, streamed)
        reply, body = await posted.answer(session, lambda data: data.get("type") == "transcript.text.done", data=form)
        return reply, str(body.get("text", ""))


class Pictures:
    """Small pictures, which must be PNG files of the wanted size."""

    def __init__(self, model: str) -> None:
        self.model = model

    async def prepare(self, session: aiohttp.ClientSession, url: str) -> None:
        """There is nothing to record."""

    async def ask(
        self, session: aiohttp.ClientSession, url: str, chooser: random.Random, record: Record, streamed: bool
    ) -> Reply:
        side = chooser.choice(SIDES)
        wanted = {
            "model": self.model,
            "prompt": "a lighthouse",
            "size": f"{side}x{side}",
            "sample_steps": 1,
            "stream": streamed,
        }
        posted = _Posted(f"{url}/v1/images/generations", record, streamed)
        reply, body = await posted.answer(
            session, lambda data: data.get("type") == "image_generation.completed", json=wanted
        )
        if reply.refusal:
            return reply
        picture = base64.b64decode(body["b64_json"] if streamed else body["data"][0]["b64_json"])
        size = struct.unpack(">II", picture[16:24]) if picture.startswith(PNG) else (0, 0)
        problem = "" if size == (side, side) else f"{self.model}: expected a PNG of {side} x {side}, got {size}"
        return Reply(200, problem=problem, first_at_s=reply.first_at_s)


@dataclass(frozen=True, slots=True)
class _Posted:
    """A request whose answer is a JSON object, or events of which one has it."""

    url: str
    record: Record
    streamed: bool

    async def answer(
        self, session: aiohttp.ClientSession, is_last: Callable[[dict[str, Any]], bool], **request: Any
    ) -> tuple[Reply, dict[str, Any]]:
        timeout = aiohttp.ClientTimeout(TIMEOUT_S)
        async with session.post(self.url, timeout=timeout, **request) as response:
            if response.status != 200:
                text = (await response.text())[:500] or "no error text"
                return Reply(response.status, text, first_at_s=self.record.now_s()), {}
            if not self.streamed:
                body: dict[str, Any] = await response.json()
                return Reply(200, first_at_s=self.record.now_s()), body
            return await self._last_event(response, is_last)

    async def _last_event(
        self, response: aiohttp.ClientResponse, is_last: Callable[[dict[str, Any]], bool]
    ) -> tuple[Reply, dict[str, Any]]:
        first_at_s, ended = 0.0, False
        found: dict[str, Any] = {}
        while line := await response.content.readuntil(b"\n"):
            if not line.startswith(b"data: "):
                continue
            first_at_s = first_at_s or self.record.now_s()
            if line.strip() == b"data: [DONE]":
                ended = True
                break
            data = json.loads(line[6:])
            if "error" in data:
                return Reply(200, str(data["error"])[:500], first_at_s=first_at_s), {}
            found = data if is_last(data) else found
        if not ended or not found:
            raise Broken("the stream ended without its last event")
        return Reply(200, first_at_s=first_at_s), found
