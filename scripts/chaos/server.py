"""The server under test: starts it, finds its processes and reads their figures."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil

REPOSITORY = Path(__file__).resolve().parents[2]
POISON = "poison"
"""A word that kills workers of the echo engine, followed by ``:`` and the number of tokens before."""
START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Resident memory and open file descriptors of a process."""

    rss_bytes: int
    descriptors: int


class ChaosServer:
    """``nexa server MODEL`` on a free port of 127.0.0.1, with a state folder of its own.

    Fractions of the messages between its processes are lost (``drop``) and delayed.
    """

    def __init__(self, models: list[str], drop: float, delay: float, seed: int, options: list[str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = tempfile.NamedTemporaryFile(prefix="nexa-chaos-", suffix=".log", delete=False)  # noqa: SIM115
        self.log_path = self._log.name
        self._folder = tempfile.TemporaryDirectory(prefix="nexa-chaos-")
        self.state = Path(self._folder.name)
        keys = {"NEXA_KEY_FILE": str(self.state / "keys.sqlite3")}  # not the user's own
        chaos = {"NEXA_CHAOS_DROP": str(drop), "NEXA_CHAOS_DELAY": str(delay), "NEXA_CHAOS_SEED": str(seed)}
        chaos["NEXA_CHAOS_POISON"] = POISON
        self._environment = {**os.environ, **chaos, **keys, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *_paths()])}
        self._arguments = ["server", *models, "--port", str(self.port), *options]
        self.process = self._start()

    def _start(self) -> psutil.Popen:
        return psutil.Popen(
            [sys.executable, "-m", "router.cli", *self._arguments],
            cwd=REPOSITORY,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def start_again(self) -> None:
        """Start it once more, after its end, with the same options on the same port."""
        self.process = self._start()

    def output(self) -> str:
        """The log of the server's processes."""
        return Path(self.log_path).read_text(errors="replace")

    async def wait_ready(self, session: aiohttp.ClientSession) -> None:
        """Wait until both workers of each model are ready.

        Raises:
            RuntimeError: the server ended, or was not ready in time.
        """

        async def ready() -> bool:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with exit code {self.process.returncode}:\n{self.output()}")
            rows = await self.workers(session)
            return len(rows) >= 2 and all(row["state"] == "ready" for row in rows)

        if not await reached(ready, START_TIMEOUT_S):
            raise RuntimeError(f"not ready within {START_TIMEOUT_S:.0f} s; the server's log:\n{self.output()[-4000:]}")

    async def wait_answering(self, session: aiohttp.ClientSession) -> None:
        """Wait until it serves requests. Raises ``RuntimeError`` if it ends, or does not in time."""

        async def answering() -> bool:
            if self.process.poll() is not None:
                raise RuntimeError(
                    f"the server ended with exit code {self.process.returncode}:\n{self.output()[-4000:]}"
                )
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(f"{self.url}/ready", timeout=aiohttp.ClientTimeout(5)) as answer:
                    return answer.status == 200
            return False

        if not await reached(answering, START_TIMEOUT_S):
            raise RuntimeError(f"not ready within {START_TIMEOUT_S:.0f} s; the server's log:\n{self.output()[-4000:]}")

    async def workers(self, session: aiohttp.ClientSession) -> list[dict[str, Any]]:
        """The rows of ``/v1/workers``; empty while the router does not answer."""
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError):
            async with session.get(f"{self.url}/v1/workers", timeout=aiohttp.ClientTimeout(5)) as answer:
                rows: list[dict[str, Any]] = (await answer.json())["data"]
                return rows
        return []

    def worker_processes(self) -> list[psutil.Process]:
        """The workers' processes."""
        return [process for process in self.children() if self._role(process).startswith("worker")]

    def router_process(self) -> psutil.Process | None:
        """The router's process; None while there is none."""
        return next((process for process in self.children() if self._role(process) == "router"), None)

    def roles(self) -> dict[int, str]:
        """The roles of router and workers (``worker NAME``), by process id."""
        return {process.pid: role for process in self.children() if (role := self._role(process))}

    def figures(self) -> dict[str, Figures]:
        """The figures of each process, by its role."""
        found = {}
        for process in [self.process, *self.children()]:
            with contextlib.suppress(psutil.Error):
                figures = Figures(process.memory_info().rss, process.num_fds())
                found[self._role(process)] = figures
        return found

    def stop(self) -> tuple[int, list[int]]:
        """Stop it with SIGTERM; returns its exit code and the ids of processes that it left, which are killed."""
        children = self.children()
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.send_signal(signal.SIGCONT)
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(STOP_TIMEOUT_S)
        except psutil.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            code = self.process.wait()
        _, alive = psutil.wait_procs(children, timeout=3)
        for process in alive:
            process.kill()
        self._log.close()
        self._folder.cleanup()
        return code, [process.pid for process in alive]

    def children(self) -> list[psutil.Process]:
        """The processes of router and workers."""
        try:
            children: list[psutil.Process] = self.process.children()
        except psutil.Error:
            return []
        return [child for child in children if self._role(child)]

    def _role(self, process: psutil.Process) -> str:
        """``supervisor``, ``router`` or ``worker NAME``; empty for a process that is starting or has ended."""
        if process.pid == self.process.pid:
            return "supervisor"
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if process.status() == psutil.STATUS_ZOMBIE or "-m" not in words:
                return ""
            if words[words.index("-m") + 1] == "router":
                return "router"
            if "--worker-name" in words:
                return f"worker {words[words.index('--worker-name') + 1]}"
        return ""


def _paths() -> list[str]:
    """Where this process looks for packages besides."""
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


async def reached(condition: Callable[[], Awaitable[bool]], timeout_s: float) -> bool:
    """Poll until ``condition`` holds; False if it does not within ``timeout_s``."""
    deadline_at_s = time.monotonic() + timeout_s
    while not await condition():
        if time.monotonic() > deadline_at_s:
            return False
        await asyncio.sleep(0.1)
    return True
