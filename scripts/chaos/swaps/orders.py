"""Operators' orders to load and unload, at times when they do not fit."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from typing import Any

import aiohttp

from scripts.chaos.faults.injection import Kinds
from scripts.chaos.record import Record
from scripts.chaos.server import ChaosServer
from scripts.chaos.swaps.harm import Harm

ACCEPTED = (200, 202)


class OrderFaults:
    """Gives orders to models, also to those that load or leave."""

    def __init__(
        self, server: ChaosServer, record: Record, harm: Harm, chooser: random.Random, models: Sequence[str]
    ) -> None:
        self._server = server
        self._record = record
        self._harm = harm
        self._random = chooser
        self._models = models

    @property
    def kinds(self) -> Kinds:
        """While models load, and at any time."""
        return ((1.5, self._unload_what_loads), (1.0, self._contradict))

    async def _unload_what_loads(self, session: aiohttp.ClientSession) -> None:
        """Unload a model while it loads, and load it again at once."""
        loading = [row["model"] for row in await rows_in(self._server, session, "loading")]
        model = self._random.choice(loading or list(self._models))
        if not loading:
            await self._give(session, model, "load")
            await asyncio.sleep(self._random.choice([0.1, 0.5, 1.0]))
        await self._give(session, model, "unload")
        self._record.fault("a model is unloaded while it loads")
        if self._random.random() < 0.5:
            await self._give(session, model, "load")

    async def _contradict(self, session: aiohttp.ClientSession) -> None:
        """Give contradictory orders at once."""
        words = ["load", "unload", "load", "load", "unload"]
        self._random.shuffle(words)
        model = self._random.choice(list(self._models))
        await asyncio.gather(*(self._give(session, model, word) for word in words))
        self._record.fault("contradictory orders")

    async def _give(self, session: aiohttp.ClientSession, model: str, word: str) -> None:
        started_at_s = self._record.now_s()
        try:
            async with session.post(f"{self._server.url}/v1/models/{model}/{word}") as answer:
                away = self._harm.is_unknown(model, answer.status, started_at_s)
                if answer.status not in ACCEPTED and not away:
                    self._record.violation(f"{word} {model}: answered {answer.status} {(await answer.text())[:200]}")
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            if not self._harm.of_break(started_at_s):
                self._record.violation(f"{word} {model}: {error!r}")


async def order(server: ChaosServer, session: aiohttp.ClientSession, model: str, word: str) -> bool:
    """Order ``load`` or ``unload`` of a model; returns whether that was accepted."""
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, ConnectionError):
        async with session.post(f"{server.url}/v1/models/{model}/{word}") as answer:
            return answer.status in ACCEPTED
    return False


async def rows_in(server: ChaosServer, session: aiohttp.ClientSession, state: str) -> list[dict[str, Any]]:
    """The workers in this state that have a process."""
    return [row for row in await server.workers(session) if row["state"] == state and row["pid"]]
