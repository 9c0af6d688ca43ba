"""What a server's figures say while it works: memory against the budget, loads and unloads."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from scripts.chaos.record import Record
from scripts.chaos.server import ChaosServer

INTERVAL_S = 0.5
_COUNTED = re.compile(r'nexa_model_(loads|unloads)_total\{model="([^"]*)"(?:,reason="([^"]*)")?\} (\S+)')


@dataclass(slots=True)
class Overseer:
    """Samples the figures. ``largest_planned_bytes`` was planned at once, ``largest_held_bytes`` measured.

    ``most_loaded`` is the largest number of models that were ready at the same time.
    """

    server: ChaosServer
    record: Record
    budget_bytes: int = 0
    largest_planned_bytes: int = 0
    largest_held_bytes: int = 0
    most_loaded: int = 0
    together: Counter[tuple[str, ...]] = field(default_factory=Counter)

    async def run(self, session: aiohttp.ClientSession, stopping: asyncio.Event) -> None:
        """Sample until ``stopping`` is set. More memory planned than the budget is a violation."""
        while not stopping.is_set():
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, ConnectionError):
                await self._sample(session)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), INTERVAL_S)

    async def _sample(self, session: aiohttp.ClientSession) -> None:
        found = await _get(session, f"{self.server.url}/v1/server")
        memory = next((row for row in found.get("memory", []) if row["device"] == "cpu"), None)
        if memory is None:
            return
        self.budget_bytes = memory["budget_bytes"]
        self.largest_planned_bytes = max(self.largest_planned_bytes, memory["planned_bytes"])
        self.largest_held_bytes = max(self.largest_held_bytes, memory["measured_bytes"])
        if memory["planned_bytes"] > self.budget_bytes:
            violation = f"{memory['planned_bytes']} bytes planned, of a budget of {self.budget_bytes}"
            if violation not in self.record.violations:
                self.record.violation(violation)
        loaded = tuple(sorted(row["model"] for row in await self.server.workers(session) if row["state"] == "ready"))
        self.together[loaded] += 1
        self.most_loaded = max(self.most_loaded, len(loaded))


async def counted(session: aiohttp.ClientSession, url: str) -> tuple[Counter[str], Counter[str]]:
    """The loads by model, and the unloads by reason, since the router started."""
    async with session.get(f"{url}/metrics") as answer:
        text = await answer.text()
    loads: Counter[str] = Counter()
    unloads: Counter[str] = Counter()
    for what, model, reason, value in _COUNTED.findall(text):
        (loads if what == "loads" else unloads)[model if what == "loads" else reason] += int(float(value))
    return loads, unloads


async def _get(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(url, timeout=aiohttp.ClientTimeout(5)) as answer:
        found: dict[str, Any] = await answer.json() if answer.status == 200 else {}
        return found
