"""Keeps the router running beside the workers: restarted at once when it dies, or when its code changes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

from workers.supervisor.processes.exits import MemoryFigures, explain_exit
from workers.supervisor.processes.process import ChildProcess, Command, LineSink

MAX_DEATHS = 5
DEATHS_WITHIN_S = 10.0
RELOAD_STOP_S = 5.0

log = logging.getLogger("nexa.supervisor")


class RouterKeeper:
    """Runs the router until it is stopped, or dies ``MAX_DEATHS`` times in quick succession.

    Quick succession is within ``DEATHS_WITHIN_S``, or each within that time of its start and by its own error: a slow
    machine takes longer than that for five starts.
    """

    def __init__(self, launch: Callable[[], Command], on_line: LineSink, reload: bool = False) -> None:
        self._launch = launch
        self._on_line = on_line
        self._reload = reload
        self._child: ChildProcess | None = None
        self._stopping = False
        self._reloading = False
        self._changed = asyncio.Event()
        self._deaths: deque[float] = deque(maxlen=MAX_DEATHS)
        self._early_errors = 0
        self.last_lines: list[str] = []
        self.detail = ""

    @property
    def pid(self) -> int | None:
        """The router's process id while there is one."""
        return self._child.pid if self._child else None

    async def run(self) -> None:
        """Keep a router running. Returns when stopped, or when it is given up (:attr:`detail` says why)."""
        while not self._stopping:
            started_s = time.monotonic()
            code = await self._run_once()
            if self._stopping:
                return
            if self._reloading:
                self._reloading = False
                continue
            self.detail = explain_exit(code, loading=False, memory=MemoryFigures.now())
            if not self._dies_again_and_again(code, time.monotonic() - started_s):
                log.warning("router died, starting another", extra={"reason": self.detail})
            elif self._reload:
                log.error("router keeps dying, waiting for its code to change", extra={"reason": self.detail})
                self._changed.clear()
                await self._changed.wait()
            else:
                return

    async def restart(self) -> None:
        """Replace the router by one that runs the code as it is now."""
        self._changed.set()
        if self._child is not None and not self._stopping:
            self._reloading = True
            await self._child.end(RELOAD_STOP_S)

    async def stop(self, timeout_s: float) -> bool:
        """End the router for good once it has finished its requests. Returns whether it ended by itself."""
        self._stopping = True
        self._changed.set()
        return True if self._child is None else await self._child.end(timeout_s)

    def kill(self) -> None:
        """End the router for good, now."""
        self._stopping = True
        self._changed.set()
        if self._child is not None:
            self._child.kill()

    async def _run_once(self) -> int:
        try:
            self._child = await ChildProcess.spawn("router", self._launch(), self._on_line)
        except OSError as error:
            self.last_lines = [f"cannot be started: {error}"]
            return 1
        if self._stopping:
            self._child.kill()
        code = await self._child.wait()
        self.last_lines = self._child.last_lines
        self._child = None
        return code

    def _dies_again_and_again(self, code: int, lived_s: float) -> bool:
        now_s = time.monotonic()
        self._deaths.append(now_s)
        self._early_errors = self._early_errors + 1 if code > 0 and lived_s < DEATHS_WITHIN_S else 0
        in_a_row = len(self._deaths) == MAX_DEATHS and now_s - self._deaths[0] <= DEATHS_WITHIN_S
        if in_a_row or self._early_errors >= MAX_DEATHS:
            self._deaths.clear()
            self._early_errors = 0
            return True
        return False
