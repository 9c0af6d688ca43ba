"""Honest load: chat clients that stream, and a probe of ``/health``."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import aiohttp

from scripts.attack.target import Target

CLIENTS = 4
MAX_TOKENS = 100
HEALTH_INTERVAL_S = 0.05
TICK_S = 0.01


@dataclass(slots=True)
class Waits:
    """The longest times that honest clients waited, in seconds, and what went wrong for them.

    ``own_lag_s`` is how late this process itself was: other times may be too long by it.
    """

    health_s: float = 0.0
    token_s: float = 0.0
    own_lag_s: float = 0.0
    answers: int = 0
    errors: list[str] = field(default_factory=list)


class HonestLoad:
    """Runs until :meth:`stop`. :meth:`take` returns what happened since the last call."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._waits = Waits()
        self._waiting_since_s: dict[str, float] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin."""
        self._tasks = [asyncio.create_task(self._chat(f"127.0.0.{2 + number}")) for number in range(CLIENTS)]
        self._tasks += [asyncio.create_task(self._probe_health()), asyncio.create_task(self._tick())]

    async def stop(self) -> None:
        """End all clients."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def take(self) -> Waits:
        """What happened since the last call, with the waits that still last."""
        for what in self._waiting_since_s:
            self._note_wait(what)
        waits, self._waits = self._waits, Waits()
        return waits

    async def _chat(self, address: str) -> None:
        body = {
            "model": self._target.model,
            "messages": [{"role": "user", "content": f"Tell me a story about {address}"}],
            "max_tokens": MAX_TOKENS,
            "stream": True,
        }
        async with self._target.session(address) as session:
            while True:
                try:
                    await self._stream(session, address, body)
                except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                    self._note_wait(address)
                    self._waits.errors.append(f"{address}: {error!r}")
                    await asyncio.sleep(0.2)

    async def _stream(self, session: aiohttp.ClientSession, address: str, body: dict[str, object]) -> None:
        self._waiting_since_s[address] = time.monotonic()
        async with session.post("/v1/chat/completions", json=body) as answer:
            if answer.status != 200:
                self._waits.errors.append(f"{address}: {answer.status} {(await answer.text())[:200]}")
                await asyncio.sleep(0.2)
                return
            async for line in answer.content:
                if line.startswith(b"data: "):
                    self._note_wait(address)
                    self._waiting_since_s[address] = time.monotonic()
                elif line.startswith(b"event: error"):
                    self._waits.errors.append(f"{address}: an error event")
        self._waits.answers += 1

    async def _probe_health(self) -> None:
        async with self._target.session("127.0.0.1") as session:
            while True:
                self._waiting_since_s["health"] = time.monotonic()
                try:
                    async with session.get("/health") as answer:
                        await answer.read()
                except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                    self._waits.errors.append(f"/health: {error!r}")
                self._note_wait("health")
                del self._waiting_since_s["health"]
                await asyncio.sleep(HEALTH_INTERVAL_S)

    def _note_wait(self, what: str) -> None:
        waited_s = time.monotonic() - self._waiting_since_s[what]
        if what == "health":
            self._waits.health_s = max(self._waits.health_s, waited_s)
        else:
            self._waits.token_s = max(self._waits.token_s, waited_s)

    async def _tick(self) -> None:
        while True:
            slept_at_s = time.monotonic()
            await asyncio.sleep(TICK_S)
            self._waits.own_lag_s = max(self._waits.own_lag_s, time.monotonic() - slept_at_s - TICK_S)
