"""Faults, injected one after the other at random, determined by a seed."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence

import aiohttp

Fault = Callable[[aiohttp.ClientSession], Awaitable[None]]
Kinds = Sequence[tuple[float, Fault]]
"""Faults with their weights."""


class Injector:
    """Injects faults until it is stopped.

    Args:
        kinds: what may be injected.
        chooser: draws kinds and pauses.
        interval_s: the mean time between two faults.
    """

    def __init__(self, kinds: Kinds, chooser: random.Random, interval_s: float) -> None:
        self._kinds = kinds
        self._random = chooser
        self._interval_s = interval_s

    async def run(self, session: aiohttp.ClientSession, stopping: asyncio.Event) -> None:
        """Inject each kind once, and then at random until ``stopping`` is set."""
        first = [kind for _, kind in self._kinds]
        self._random.shuffle(first)
        weights, kinds = zip(*self._kinds, strict=True)
        while first or not stopping.is_set():
            fault = first.pop() if first else self._random.choices(kinds, weights)[0]
            await fault(session)
            pause_s = self._random.uniform(0.3, 1.7) * self._interval_s
            if first:
                await asyncio.sleep(pause_s)
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause_s)
