"""Deaths of workers that load, of workers that leave, and of the supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from typing import Any

import aiohttp
import psutil

from scripts.chaos.faults.injection import Kinds
from scripts.chaos.record import Record
from scripts.chaos.server import ChaosServer
from scripts.chaos.swaps.harm import Harm, Span
from scripts.chaos.swaps.orders import order, rows_in

LOADING_S = 8.0
CHILDREN_S = 5.0
IN_A_ROW = 3
"""How often the worker of one place is killed in a row while it loads: after five failed starts, a server gives up."""


class SwapKills:
    """Kills processes at the worst times."""

    def __init__(self, server: ChaosServer, record: Record, harm: Harm, chooser: random.Random) -> None:
        self._server = server
        self._record = record
        self._harm = harm
        self._random = chooser
        self._in_a_row: Counter[str] = Counter()

    @property
    def kinds(self) -> Kinds:
        """Workers die more often than the supervisor."""
        return ((2.0, self._kill_loading), (2.0, self._kill_leaving), (0.5, self.kill_supervisor))

    async def _kill_loading(self, session: aiohttp.ClientSession) -> None:
        """Kill a worker that loads, as soon as there is one."""
        for _ in range(int(LOADING_S / 0.1)):
            for row in await rows_in(self._server, session, "ready"):
                self._in_a_row.pop(row["name"], None)
            loading = await rows_in(self._server, session, "loading")
            loading = [row for row in loading if self._in_a_row[row["name"]] < IN_A_ROW]
            if loading:
                row = self._random.choice(loading)
                self._in_a_row[row["name"]] += 1
                self._kill(row, "kill -9 of a worker that loads")
                return
            await asyncio.sleep(0.1)

    async def _kill_leaving(self, session: aiohttp.ClientSession) -> None:
        """Order a worker to leave, and kill it while it does."""
        ready = await rows_in(self._server, session, "ready")
        if ready:
            row = self._random.choice(ready)
            if await order(self._server, session, row["model"], "unload"):
                await asyncio.sleep(self._random.choice([0.0, 0.05, 0.2]))
                self._kill(row, "kill -9 of a worker that leaves")

    def _kill(self, row: dict[str, Any], fault: str) -> None:
        self._record.worker_lost_at_s.append(self._record.now_s())
        with contextlib.suppress(ProcessLookupError):
            os.kill(row["pid"], signal.SIGKILL)
            self._record.fault(fault)

    async def kill_supervisor(self, session: aiohttp.ClientSession) -> None:
        """Kill the supervisor. Its processes must end with it; a new server goes on."""
        children = self._server.children()
        span = Span(self._record.now_s())
        self._harm.down.append(span)
        self._server.process.kill()
        self._record.fault("kill -9 of the supervisor")
        await asyncio.to_thread(self._server.process.wait)
        _, alive = await asyncio.to_thread(psutil.wait_procs, children, CHILDREN_S)
        if alive:
            self._record.violation(f"outlived the supervisor: {[child.pid for child in alive]}")
        self._server.start_again()
        await self._server.wait_answering(session)
        span.ended_s = self._record.now_s()
