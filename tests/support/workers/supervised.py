"""A supervisor of stand-in processes that runs in the test's process, and helpers to look at its children."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from shared.wire.supervision import WorkerState
from tests.support.workers.stand_ins.server import StandInLaunch, build_supervisor
from workers.supervisor.replicas.limits import WorkerLimits
from workers.supervisor.supervisor import Supervisor

TIMEOUT_S = 20.0


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline_at_s = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline_at_s, f"not in {TIMEOUT_S:.0f} s: {what}"
        time.sleep(0.02)


async def until(condition: Callable[[], object], what: str) -> None:
    deadline_at_s = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline_at_s, f"not in {TIMEOUT_S:.0f} s: {what}"
        await asyncio.sleep(0.02)


def pids(folder: Path, role: str) -> list[int]:
    path = folder / f"{role}.pids"
    return [int(pid) for pid in path.read_text().split()] if path.exists() else []


def lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@asynccontextmanager
async def running(launch: StandInLaunch, limits: WorkerLimits | None = None) -> AsyncIterator[Supervisor]:
    """A supervisor in this process; it is drained at the end."""
    supervisor = build_supervisor(launch, limits)
    task = asyncio.create_task(supervisor.run())
    try:
        yield supervisor
    finally:
        if not task.done():
            supervisor.stop()
        await task


async def ready_with_router(supervisor: Supervisor, folder: Path) -> None:
    await until(lambda: all(replica.state is WorkerState.READY for replica in supervisor.replicas), "all ready")
    await until(lambda: pids(folder, "router"), "a router")
