"""A client that measures: one connection a request, streamed, each piece of text stamped as it arrives."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp

REQUEST_TIMEOUT_S = 900.0


@dataclass(slots=True)
class Outcome:
    """One request as its client saw it; times are those of the monotonic clock, in seconds.

    ``arrivals_s`` are the times of the chunks that held text. ``tokens`` comes from the answer's ``usage``; servers
    that give none while they stream are counted by their chunks of text, which ``counted_by`` tells.
    """

    sent_s: float
    arrivals_s: list[float] = field(default_factory=list)
    ended_s: float = 0.0
    text: str = ""
    tokens: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    counted_by: str = "chunks"
    message: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def ttft_s(self) -> float:
        """Time to the first text."""
        return self.arrivals_s[0] - self.sent_s

    @property
    def gaps_s(self) -> list[float]:
        """The times between the chunks of text."""
        return [b - a for a, b in zip(self.arrivals_s, self.arrivals_s[1:], strict=False)]


class BenchClient:
    """Sends chat requests to one OpenAI-compatible server. Failures are outcomes, not exceptions."""

    def __init__(self, url: str, model: str, api_key: str = "") -> None:
        self._url = url.rstrip("/").removesuffix("/v1") + "/v1/chat/completions"
        self._model = model
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    async def __aenter__(self) -> Self:
        # llama-server closes idle connections in a way that clients trip over, so none is kept.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S),
            headers=self._headers,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def stream(self, messages: list[dict[str, str]], max_tokens: int, **fields: Any) -> Outcome:
        """A streamed chat answer."""
        outcome = Outcome(time.monotonic())
        await self.stream_into(outcome, messages, max_tokens, **fields)
        return outcome

    async def stream_into(
        self, outcome: Outcome, messages: list[dict[str, str]], max_tokens: int, **fields: Any
    ) -> None:
        """As :meth:`stream`; ``outcome`` can be watched meanwhile."""
        body = self._body(messages, max_tokens, fields) | {"stream": True, "stream_options": {"include_usage": True}}
        try:
            async with self._session.post(self._url, json=body) as response:
                if response.status != 200:
                    outcome.error = f"{response.status}: {(await response.text())[:200]}"
                    return
                await _read_events(response, outcome)
                if not outcome.error and not outcome.text:
                    outcome.error = "the answer is empty"
        except (aiohttp.ClientError, asyncio.TimeoutError, ValueError) as error:
            outcome.error = repr(error)
        finally:
            outcome.ended_s = time.monotonic()

    async def call(self, messages: list[dict[str, str]], max_tokens: int, **fields: Any) -> Outcome:
        """A chat answer in one piece; its message is in the outcome."""
        outcome = Outcome(time.monotonic())
        try:
            async with self._session.post(self._url, json=self._body(messages, max_tokens, fields)) as response:
                if response.status != 200:
                    outcome.error = f"{response.status}: {(await response.text())[:200]}"
                    return outcome
                answer = await response.json()
                outcome.message = answer["choices"][0]["message"]
                outcome.arrivals_s.append(time.monotonic())
                _read_usage(answer, outcome)
        except (aiohttp.ClientError, asyncio.TimeoutError, ValueError, KeyError) as error:
            outcome.error = repr(error)
        finally:
            outcome.ended_s = time.monotonic()
        return outcome

    def _body(self, messages: list[dict[str, str]], max_tokens: int, fields: dict[str, Any]) -> dict[str, Any]:
        return {"model": self._model, "messages": messages, "max_tokens": max_tokens, "temperature": 0.0} | fields


async def _read_events(response: aiohttp.ClientResponse, outcome: Outcome) -> None:
    rest = b""
    async for data in response.content.iter_any():
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data: {"):
                _read_chunk(json.loads(line[6:]), outcome)
            elif line.startswith(b"event: error"):
                outcome.error = "an error event"


def _read_chunk(chunk: dict[str, Any], outcome: Outcome) -> None:
    if "error" in chunk:
        outcome.error = str(chunk["error"])[:200]
    for choice in chunk.get("choices", ()):
        content = choice["delta"].get("content")
        if content:
            outcome.arrivals_s.append(time.monotonic())
            outcome.text += content
            if outcome.counted_by == "chunks":
                outcome.tokens += 1
    _read_usage(chunk, outcome)


def _read_usage(answer: dict[str, Any], outcome: Outcome) -> None:
    usage = answer.get("usage")
    if usage:
        outcome.counted_by = "usage"
        outcome.tokens = usage["completion_tokens"]
        outcome.prompt_tokens = usage["prompt_tokens"]
        outcome.cached_tokens = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
