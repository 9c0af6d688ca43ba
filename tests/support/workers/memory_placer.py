"""A placer without processes: its workers are objects in the test's memory."""

from __future__ import annotations

import asyncio
import time

from shared.wire.messages import EngineStats, Heartbeat
from shared.wire.supervision import WorkerState
from workers.supervisor.placing.placer import Exit, PlacementError, WorkerSpec

KILLED = Exit("killed")
FINISHED = Exit("finished")


class MemoryWorker:
    """A worker that ends when the test says so. One that is not ``obedient`` has to be killed."""

    def __init__(self, spec: WorkerSpec, obedient: bool) -> None:
        self.spec = spec
        self.location = "rack 3"
        self.last_lines: list[str] = []
        self.observed: list[Heartbeat] = []
        self._obedient = obedient
        self._ended: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()

    def observe(self, heartbeat: Heartbeat) -> None:
        self.observed.append(heartbeat)

    async def wait(self) -> Exit:
        return await self._ended

    async def end(self, timeout_s: float) -> bool:
        self.exit(FINISHED if self._obedient else KILLED)
        return self._obedient

    def kill(self) -> None:
        self.exit(KILLED)

    def exit(self, exit_: Exit, *last_lines: str) -> None:
        """End the worker."""
        if not self._ended.done():
            self.last_lines = list(last_lines)
            self._ended.set_result(exit_)

    def beat(self, state: WorkerState, loading: float = 1.0, busy_s: float = 0.0) -> Heartbeat:
        """A heartbeat of this worker."""
        spec = self.spec
        place = (spec.worker_id, spec.worker_name, spec.model, 1, "rack 3", state, loading)
        return Heartbeat(*place, 1, 1, 1, busy_s, EngineStats(), time.monotonic())


class MemoryPlacer:
    """Keeps the workers that it placed. ``refusal`` is the reason for which it places none."""

    def __init__(self, obedient: bool = True) -> None:
        self.placed: list[MemoryWorker] = []
        self.attempts = 0
        self.refusal = ""
        self._obedient = obedient

    async def place(self, spec: WorkerSpec) -> MemoryWorker:
        self.attempts += 1
        if self.refusal:
            raise PlacementError(self.refusal)
        self.placed.append(MemoryWorker(spec, self._obedient))
        return self.placed[-1]
