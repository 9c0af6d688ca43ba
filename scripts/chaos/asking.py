"""One request for a text, and what its client sees of the answer."""

from __future__ import annotations

import json
from typing import Any

import aiohttp

from scripts.chaos.answer import Answer
from scripts.chaos.record import Record

REQUEST_TIMEOUT_S = 120.0


class Broken(Exception):
    """The connection ended before the answer did."""


async def ask_streamed(
    session: aiohttp.ClientSession,
    url: str,
    body: dict[str, Any],
    record: Record,
    name: str,
    timeout_s: float = REQUEST_TIMEOUT_S,
) -> Answer:
    """Ask for a stream; the pauses between its events are recorded. Raises :class:`Broken`."""
    answer, body = Answer(), {**body, "stream": True, "stream_options": {"include_usage": True}}
    last_at_s = record.now_s()
    async with session.post(url, json=body, timeout=aiohttp.ClientTimeout(timeout_s)) as response:
        answer.status = response.status
        if response.status != 200:
            answer.error = (await response.text())[:500]
            return answer
        async for line in response.content:
            now_s = record.now_s()
            if line.startswith(b"data: "):
                record.pause(now_s - last_at_s, name)
                last_at_s = now_s
                answer.first_at_s = answer.first_at_s or now_s
                answer.add_event(line[6:].strip())
            elif line.startswith(b"event: error"):
                answer.error = "an error event"
    if not answer.ended and not answer.error:
        raise Broken("the stream ended without [DONE]")
    return answer


async def ask_whole(
    session: aiohttp.ClientSession,
    url: str,
    body: dict[str, Any],
    record: Record,
    name: str,
    timeout_s: float = REQUEST_TIMEOUT_S,
) -> Answer:
    """Ask for a whole answer; the time until it comes is recorded as a pause."""
    started_at_s = record.now_s()
    async with session.post(url, json=body, timeout=aiohttp.ClientTimeout(timeout_s)) as response:
        text = await response.text()
        record.pause(record.now_s() - started_at_s, f"{name} (whole)")
        if response.status != 200:
            return Answer(response.status, error=text[:500])
        answer = json.loads(text)
        reasons = sum(choice["finish_reason"] is not None for choice in answer["choices"])
        tokens = answer["usage"]["completion_tokens"]
        return Answer(200, answer["choices"][0]["text"], reasons, tokens, ended=True)
