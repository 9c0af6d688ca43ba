"""Follows the server's processes: which ended, and the router's peak memory."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import psutil

from scripts.chaos.server import ChaosServer

INTERVAL_S = 0.1


class ProcessWatch:
    """Runs until :meth:`stop`. :meth:`take` returns what happened since the last call."""

    def __init__(self, server: ChaosServer) -> None:
        self._server = server
        self._known: dict[int, str] = {}
        self._died: list[str] = []
        self._peak_bytes = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._known = self._server.roles()
        self.take()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def take(self) -> tuple[list[str], int]:
        """The roles of processes that ended since the last call, and the router's peak memory in bytes since then."""
        self._look()
        died, self._died = self._died, []
        peak_bytes, self._peak_bytes = self._peak_bytes, 0
        router = self._server.router_process()
        if router is not None:
            with contextlib.suppress(OSError):
                Path(f"/proc/{router.pid}/clear_refs").write_text("5")  # resets VmHWM; see man 5 proc
        return died, peak_bytes

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            self._look()

    def _look(self) -> None:
        running = self._server.roles()
        self._died += [role for pid, role in self._known.items() if not psutil.pid_exists(pid)]
        self._known = {pid: role for pid, role in self._known.items() if psutil.pid_exists(pid)} | running
        for pid, role in running.items():
            if role == "router":
                self._peak_bytes = max(self._peak_bytes, _peak_bytes(pid))


def _peak_bytes(pid: int) -> int:
    """The kernel's own record of the peak, which misses nothing between two looks."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
