"""A client that measures: one connection per request, and the arrival time of each streamed chunk."""

from __future__ import annotations

import time
from typing import Any, Self

import aiohttp

from scripts.bench.measurements.outcome import Outcome

REQUEST_TIMEOUT_S = 900.0


class BenchClient:
    """Sends chat requests to one OpenAI-compatible server. Failures are outcomes, not exceptions."""

    def __init__(self, url: str, model: str, api_key: str = "") -> None:
        self._url = url.rstrip("/").removesuffix("/v1") + "/v1/chat/completions"
        self._model = model
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    async def __aenter__(self) -> Self:
        # No connection is reused: llama-server closes idle ones in a way that makes the next request fail.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S),
            headers=self._headers,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def stream(self, messages: list[dict[str, str]], max_tokens: int, **fields: Any) -> Outcome:
        """Send a chat request and read its streamed answer."""
        outcome = Outcome(time.monotonic())
        await self.stream_into(outcome, messages, max_tokens, **fields)
        return outcome

    async def stream_into(
        self, outcome: Outcome, messages: list[dict[str, str]], max_tokens: int, **fields: Any
    ) -> None:
        """Like :meth:`stream`, but fills ``outcome`` while the answer arrives."""
        body = self._body(messages, max_tokens, fields) | {"stream": True, "stream_options": {"include_usage": True}}
        try:
            async with self._session.post(self._url, json=body) as response:
                if response.status != 200:
                    outcome.error = f"{response.status}: {(await response.text())[:200]}"
                    return
                await _read_events(response, outcome)
                if not outcome.error and not outcome.text:
                    outcome.error = "the answer is empty"
        except (TimeoutError, aiohttp.ClientError, ValueError, LookupError) as error:
            outcome.error = repr(error)
        finally:
            outcome.ended_at_s = time.monotonic()

    async def call(self, messages: list[dict[str, str]], max_tokens: int, **fields: Any) -> Outcome:
        """Send a chat request without streaming; the message is in the outcome."""
        outcome = Outcome(time.monotonic())
        try:
            async with self._session.post(self._url, json=self._body(messages, max_tokens, fields)) as response:
                if response.status != 200:
                    outcome.error = f"{response.status}: {(await response.text())[:200]}"
                    return outcome
                outcome.read_answer(await response.json())
        except (TimeoutError, aiohttp.ClientError, ValueError, LookupError) as error:
            outcome.error = repr(error)
        finally:
            outcome.ended_at_s = time.monotonic()
        return outcome

    def _body(self, messages: list[dict[str, str]], max_tokens: int, fields: dict[str, Any]) -> dict[str, Any]:
        return {"model": self._model, "messages": messages, "max_tokens": max_tokens, "temperature": 0.0} | fields


async def _read_events(response: aiohttp.ClientResponse, outcome: Outcome) -> None:
    rest = b""
    async for data in response.content.iter_any():
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            outcome.read_line(line)
