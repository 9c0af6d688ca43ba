"""Faults of the server's processes: killed, suspended, restarted."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal

import aiohttp
import psutil

from scripts.chaos.faults.injection import Kinds
from scripts.chaos.record import Record
from scripts.chaos.server import ChaosServer
from workers.supervisor.router_keeper import SILENCE_S

MIN_BETWEEN_ROUTER_KILLS_S = 4.0
"""The server rightly gives up after five deaths of the router within ten seconds."""


class ProcessFaults:
    """Harms processes. Those that it suspends go on after a while, at the latest with :meth:`close`."""

    def __init__(self, server: ChaosServer, record: Record, chooser: random.Random) -> None:
        self._server = server
        self._record = record
        self._random = chooser
        self._continuing: set[asyncio.Task[None]] = set()

    @property
    def kinds(self) -> Kinds:
        """Workers and router are harmed."""
        return (
            (3.0, self._kill_worker),
            (2.0, self._stop_worker),
            (1.0, self.kill_router),
            (0.7, self._stop_router),
            (0.7, self._restart_workers),
        )

    async def close(self) -> None:
        """Let suspended processes go on."""
        for task in list(self._continuing):
            task.cancel()
        await asyncio.gather(*self._continuing, return_exceptions=True)

    async def _kill_worker(self, _: aiohttp.ClientSession) -> None:
        worker = self._a_worker()
        if worker is not None:
            self._record.worker_lost_at_s.append(self._record.now_s())
            with contextlib.suppress(psutil.Error):
                worker.kill()
                self._record.fault("kill -9 of a worker")

    async def _stop_worker(self, _: aiohttp.ClientSession) -> None:
        """Suspend a worker. After 5 s the router gives its jobs to others, after 10 s the supervisor kills it."""
        worker = self._a_worker()
        if worker is None:
            return
        seconds = self._random.choice([0.3, 1.0, 2.5, 6.0, 8.0, 13.0])
        with contextlib.suppress(psutil.Error):
            worker.suspend()
            self._record.fault("SIGSTOP of a worker")
            self._record.worker_lost_at_s.append(self._record.now_s() + 5.0)
            self._continue_after(worker, seconds, "SIGCONT of a worker")

    async def _stop_router(self, _: aiohttp.ClientSession) -> None:
        """Suspend the router. After ``SILENCE_S`` the supervisor replaces it; before, its streams pause."""
        router = self._free_router()
        if router is None:
            return
        seconds = self._random.choice([0.5, 4.0, 15.0])
        with contextlib.suppress(psutil.Error):
            router.suspend()
            self._record.fault("SIGSTOP of the router")
            if seconds > SILENCE_S:
                self._record.router_killed_at_s.append(self._record.now_s() + SILENCE_S)
            self._continue_after(router, seconds, "SIGCONT of the router")

    def _continue_after(self, process: psutil.Process, seconds: float, fault: str) -> None:
        async def proceed() -> None:
            try:
                await asyncio.sleep(seconds)
            finally:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(signal.SIGCONT)
                    self._record.fault(fault)

        task = asyncio.create_task(proceed())
        self._continuing.add(task)
        task.add_done_callback(self._continuing.discard)

    async def kill_router(self, _: aiohttp.ClientSession) -> None:
        """Kill the router, unless that was done just now."""
        router = self._free_router()
        if router is None:
            return
        with contextlib.suppress(psutil.Error):
            self._record.router_killed_at_s.append(self._record.now_s())
            router.kill()
            self._record.fault("kill -9 of the router")

    async def _restart_workers(self, session: aiohttp.ClientSession) -> None:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with session.post(f"{self._server.url}/v1/workers/restart") as answer:
                if answer.status == 202:
                    self._record.fault("rolling restart")

    def _free_router(self) -> psutil.Process | None:
        """The router, unless it was killed just now or will be."""
        kills = self._record.router_killed_at_s
        recent = kills and self._record.now_s() - kills[-1] < MIN_BETWEEN_ROUTER_KILLS_S
        return None if recent else self._server.router_process()

    def _a_worker(self) -> psutil.Process | None:
        workers = self._server.worker_processes()
        return self._random.choice(workers) if workers else None
