"""Keeps the router running: restarts it when it dies, hangs or, on request, when its code changes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

from shared.wire.supervision import RouterAlive
from workers.supervisor.placing.memory_kills import KillsSinceThen
from workers.supervisor.processes.exits import MemoryFigures, explain_exit
from workers.supervisor.processes.process import ChildProcess, Command, LineSink

MAX_DEATHS = 5
DEATHS_WITHIN_S = 10.0
RELOAD_STOP_S = 5.0
SILENCE_S = 10.0
"""A router that has answered rosters hangs if none was answered for this long."""
START_S = 60.0
"""The same for one that starts."""

log = logging.getLogger("nexa.supervisor")


class RouterKeeper:
    """Runs the router until it is stopped or keeps dying.

    It keeps dying if it died ``MAX_DEATHS`` times within ``DEATHS_WITHIN_S``, or exited with an error that often in a
    row, each time within ``DEATHS_WITHIN_S`` of its start: on a slow machine five starts take longer than that.
    """

    def __init__(self, launch: Callable[[], Command], on_line: LineSink, reload: bool = False) -> None:
        self._launch = launch
        self._on_line = on_line
        self._reload = reload
        self._child: ChildProcess | None = None
        self._stopping = False
        self._reloading = False
        self._changed = asyncio.Event()
        self._died_at_s: deque[float] = deque(maxlen=MAX_DEATHS)
        self._early_errors = 0
        self._heard_at_s = 0.0
        self.answers = False
        self.ready = False
        self._killed_because = ""
        self.last_lines: list[str] = []
        self.detail = ""

    @property
    def lives(self) -> bool:
        """Whether the router has answered lately."""
        return self.answers and time.monotonic() - self._heard_at_s <= SILENCE_S

    @property
    def pid(self) -> int | None:
        """The router's process id, None while it does not run."""
        return self._child.pid if self._child else None

    async def run(self) -> None:
        """Keep a router running until it is stopped or keeps dying (:attr:`detail` says why)."""
        while not self._stopping:
            started_at_s, kills = time.monotonic(), KillsSinceThen()
            code = await self._run_once()
            if self._stopping:
                return
            if self._reloading:
                self._reloading = False
                continue
            reason = explain_exit(code, loading=False, memory=MemoryFigures.now(), kills=kills.count())
            self.detail = self._killed_because or reason
            if not self._keeps_dying(code, time.monotonic() - started_at_s):
                log.warning("router died, restarting it", extra={"reason": self.detail})
            elif self._reload:
                log.error("router keeps dying, waiting for a code change", extra={"reason": self.detail})
                self._changed.clear()
                await self._changed.wait()
            else:
                return

    def heard(self, message: RouterAlive) -> None:
        """Note that the router has answered, if it is the one that runs."""
        if message.pid == self.pid:
            self.answers, self.ready = True, message.ready
            self._heard_at_s = time.monotonic()

    def forgive(self) -> None:
        """Restart the silence timer: the supervisor itself was not listening."""
        self._heard_at_s = time.monotonic()

    def check(self) -> None:
        """Kill a router that hangs, so that another one takes over. One that ends has its own time limits."""
        silent_s = time.monotonic() - self._heard_at_s
        if self._child is None or self._stopping or self._reloading or self._killed_because:
            return
        if silent_s > (SILENCE_S if self.answers else START_S):
            self._killed_because = f"no answer for {silent_s:.0f} s; the router was killed"
            self._child.kill()

    async def restart(self) -> None:
        """Restart the router with the current code."""
        self._changed.set()
        if self._child is not None and not self._stopping:
            self._reloading = True
            await self._child.end(RELOAD_STOP_S)

    async def stop(self, timeout_s: float) -> bool:
        """Stop the router once its requests are finished or after ``timeout_s``. Returns False if it was killed."""
        self._stopping = True
        self._changed.set()
        return True if self._child is None else await self._child.end(timeout_s)

    def kill(self) -> None:
        """Stop the router now."""
        self._stopping = True
        self._changed.set()
        if self._child is not None:
            self._child.kill()

    async def _run_once(self) -> int:
        self._heard_at_s, self.answers, self.ready, self._killed_because = time.monotonic(), False, False, ""
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

    def _keeps_dying(self, code: int, lived_s: float) -> bool:
        now_s = time.monotonic()
        self._died_at_s.append(now_s)
        self._early_errors = self._early_errors + 1 if code > 0 and lived_s < DEATHS_WITHIN_S else 0
        in_a_row = len(self._died_at_s) == MAX_DEATHS and now_s - self._died_at_s[0] <= DEATHS_WITHIN_S
        if in_a_row or self._early_errors >= MAX_DEATHS:
            self._died_at_s.clear()
            self._early_errors = 0
            return True
        return False
