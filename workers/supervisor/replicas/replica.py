"""One replica of a model: its state, the worker that runs it now, and that worker's restarts."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine
from enum import Enum, auto
from typing import Any

from shared.states import move
from shared.wire.messages import Heartbeat
from shared.wire.supervision import ENDED_STATES, WORKER_MOVES, WorkerState, WorkerStatus
from workers.supervisor.placing.placer import Exit, PlacedWorker, PlacementError, Placer, WorkerSpec
from workers.supervisor.replicas.hangs import HangWatch
from workers.supervisor.replicas.limits import WorkerLimits

_MAX_REPORTED_LINES = 8

FirstLoad = tuple[bytes, dict[str, int]]


class _Order(Enum):
    """What an operator wants after the worker has ended."""

    NONE = auto()
    STAY_OUT = auto()
    LEAVE = auto()
    COME_BACK = auto()


class Replica:
    """Keeps one worker of a model running: starts it, follows its heartbeats, replaces it when it dies or hangs.

    Args:
        name: the worker's name, the same over restarts.
        model: the model that it serves.
        placer: starts its workers.
        limits: when a worker counts as hung, and how restarts are spaced.
        on_change: called after each change of state or of loading progress.
        loaded: whether it starts a worker at once. Otherwise its place is empty until :meth:`load`, and a load that
            fails is not repeated, unless someone has killed the worker: the router orders another.
        first: what its first worker gets, if its model was fitted: the settings as JSON, and the memory by device.
    """

    def __init__(
        self,
        name: str,
        model: str,
        placer: Placer,
        limits: WorkerLimits,
        on_change: Callable[[], None],
        loaded: bool = True,
        first: FirstLoad | None = None,
    ) -> None:
        self.name = name
        self.model = model
        self.loaded_at_start = loaded
        self.state = WorkerState.SPAWNING if loaded else WorkerState.UNLOADED
        self._settings, self._memory = first or (b"", {})
        self._exits = 0
        self._out_of_memory = 0
        self._starved = False
        self.loading = 0.0
        self.detail = ""
        self.last_lines: list[str] = []
        self._placer = placer
        self._limits = limits
        self._policy = self._limits.restarts()
        self._on_change = on_change
        self._worker: PlacedWorker | None = None
        self._location = ""
        self._worker_id = ""
        self._restarts = 0
        self._was_ready = False
        self._stopping = False
        self._order = _Order.NONE
        self._roused = asyncio.Event()  # ends the pause before the next start
        self._moved = asyncio.Event()  # replaced at each change of state
        self._killed_because = ""
        self._leaving_because = ""
        self._ready_at_s: float | None = None
        self._loaded_at_s = 0.0
        self._hangs = HangWatch(limits.silence_s, limits.busy_s)

    @property
    def location(self) -> str:
        """Where the worker runs, or the one before it ran."""
        return self._location if self._worker is None else self._worker.location

    @property
    def ended(self) -> bool:
        """Whether no worker runs."""
        return self.state in ENDED_STATES

    @property
    def _empty(self) -> bool:
        return self.state is WorkerState.UNLOADED

    def status(self) -> WorkerStatus:
        """The replica as the router sees it."""
        lines = self.last_lines[-_MAX_REPORTED_LINES:] if self.state is WorkerState.FAILED else []
        return WorkerStatus(
            self.name,
            self.model,
            self._worker_id,
            self.state,
            self._restarts,
            self.detail,
            lines,
            self._memory,
            self._exits,
            self._out_of_memory,
            self._loaded_at_s if self.state is WorkerState.READY else 0.0,
        )

    async def run(self) -> None:
        """Keep a worker running until :meth:`stop` or :meth:`kill`. After a drain or failure, wait for a restart."""
        delay_s: float | None = None
        while not self._stopping:
            if self.state is WorkerState.SPAWNING:
                delay_s = self._after_exit(await self._run_once())
            if not await self._pause(delay_s):
                return
            self._move(WorkerState.SPAWNING)

    def load(self, settings: bytes, memory: dict[str, int]) -> None:
        """Start a worker in an empty place, with its model's settings as JSON and its memory by device."""
        if self.state is WorkerState.UNLOADED and self._order is not _Order.COME_BACK:
            self._settings, self._memory = settings, memory
            self._order = _Order.COME_BACK
            self._policy = self._limits.restarts()
            self._roused.set()

    def unload(self, timeout_s: float, reason: str) -> Coroutine[Any, Any, None]:
        """Leave the place empty. What is returned ends its worker, once its jobs are finished or after ``timeout_s``.

        The order itself is taken at once: a load that is ordered next is neither cancelled nor ended by it.
        """
        worker = self._worker
        if self.state is WorkerState.UNLOADED:
            self._order = _Order.NONE  # a load that has not begun does not begin any more
        else:
            self._order, self._leaving_because = _Order.LEAVE, reason
            self._roused.set()
        return self._end_former(worker, timeout_s)

    async def drain(self, timeout_s: float) -> None:
        """End the worker once its jobs are finished or after ``timeout_s``. None follows until :meth:`restart`."""
        self._order = _Order.STAY_OUT
        self._roused.set()
        await self._end_worker(timeout_s)

    async def restart(self, timeout_s: float) -> bool:
        """Replace the worker once its jobs are finished or after ``timeout_s``; start one if none runs.

        Returns True once the new worker is ready, False if it failed or another order came in between. An empty place
        stays empty: what may be loaded there, and with how much memory, is the router's to say.
        """
        if self._empty:
            return True
        self._order = _Order.COME_BACK
        self._policy = self._limits.restarts()
        self._roused.set()
        former_id = self._worker_id
        await self._end_worker(timeout_s)
        while not (self._stopping or self._empty or self._order in (_Order.STAY_OUT, _Order.LEAVE)):
            if self._worker_id != former_id and self.state in (WorkerState.READY, WorkerState.FAILED):
                break
            await self._moved.wait()
        return self._empty or self.state is WorkerState.READY

    def heard(self, heartbeat: Heartbeat) -> None:
        """Process a heartbeat. Those of the replica's earlier workers are ignored."""
        if heartbeat.worker_id != self._worker_id or self.ended:
            return
        overlong = self._hangs.overlong_step(heartbeat)
        if self._worker is not None:
            self._worker.observe(heartbeat)
        moved = self._follow(heartbeat.state)
        if moved or heartbeat.loading != self.loading:
            self.loading = heartbeat.loading
            self._on_change()
        if self.state is WorkerState.READY and overlong is not None:
            self._replace(overlong)

    def check(self) -> None:
        """Replace a ready worker whose heartbeats stopped."""
        silence = self._hangs.silence()
        if self.state is WorkerState.READY and silence is not None:
            self._replace(silence)

    def forgive(self) -> None:
        """Restart the silence timer: the supervisor itself was not listening."""
        self._hangs.restart()

    async def stop(self) -> bool:
        """End the worker for good, a ready one once its jobs are finished. Returns False if it had to be killed."""
        self._end_pauses()
        return await self._end_worker(self._limits.stop_s)

    def kill(self) -> None:
        """End the worker for good, now."""
        self._end_pauses()
        if self._worker is not None:
            self._worker.kill()

    def _end_pauses(self) -> None:
        self._stopping = True
        self._roused.set()
        self._moved.set()

    async def _end_former(self, worker: PlacedWorker | None, timeout_s: float) -> None:
        """End this worker, unless it has ended and another runs by now."""
        if worker is not None and worker is self._worker:
            await self._end_worker(timeout_s)

    async def _end_worker(self, timeout_s: float) -> bool:
        """End the running worker, if any. Returns False if one that had jobs to finish had to be killed."""
        if self._worker is None:
            return True
        if self.state not in (WorkerState.READY, WorkerState.DRAINING):
            self._worker.kill()
            return True
        return await self._worker.end(timeout_s)

    async def _run_once(self) -> Exit:
        """Start a worker and wait for its end."""
        self._worker_id = f"{self.name}.{secrets.token_hex(4)}"
        self.loading, self._ready_at_s, self._killed_because = 0.0, None, ""
        self._on_change()
        try:
            spec = WorkerSpec(self.model, self.name, self._worker_id, self._settings, self._memory)
            worker = await self._placer.place(spec)
        except PlacementError as error:
            self.last_lines = []
            return Exit(str(error))
        self._worker = worker
        if self._stopping or self._order is not _Order.NONE:
            worker.kill()
        ended = await worker.wait()
        self._location, self.last_lines = worker.location, worker.last_lines
        self._worker = None
        return ended

    def _after_exit(self, ended: Exit) -> float | None:
        """Record an exit. Returns the delay before the next start, None if only an order starts another worker."""
        self.detail = self._killed_because or ended.reason
        self._exits += 1
        if self._stopping or self._order is not _Order.NONE:
            self._move(WorkerState.EXITED)
            return None
        ready_s = None if self._ready_at_s is None else time.monotonic() - self._ready_at_s
        replaces = ended.replace and ready_s is not None
        delay_s = 0.0 if replaces else self._policy.next_delay_s(ready_s)
        if ready_s is None and not (self.loaded_at_start or ended.from_outside):
            delay_s = None
        first_load = not self._was_ready and self._restarts == 0
        self._move(WorkerState.EXITED)
        if delay_s is None:
            if self._policy.failed_starts > 1:
                self.detail = f"given up after {self._policy.failed_starts} failed starts; the last one: {self.detail}"
            self._give_up(ended.out_of_memory)
            return None
        if first_load and ended.hopeless:
            self._move(WorkerState.FAILED)
            return None
        return delay_s

    def _give_up(self, out_of_memory: bool) -> None:
        """Leave the place empty for another attempt, if the first one found too little memory; else it has failed."""
        self._out_of_memory += out_of_memory
        again = out_of_memory and not self._starved and not self.loaded_at_start
        self._starved = out_of_memory
        if again:
            self._leave(self.detail)
        else:
            self._move(WorkerState.FAILED)

    def _leave(self, reason: str) -> None:
        self.detail, self._memory = reason, {}
        self._move(WorkerState.UNLOADED)

    async def _pause(self, delay_s: float | None) -> bool:
        """Wait ``delay_s``, or for an order, before the next start. Returns False if there is no next start."""
        while not self._stopping:
            if self._order is _Order.COME_BACK:
                self._order = _Order.NONE
                return True
            if self._order is _Order.LEAVE:
                self._order = _Order.NONE
                self._leave(self._leaving_because)
            if self._order is _Order.STAY_OUT and self.state is WorkerState.EXITED:
                self.detail = f"drained; start it again with: nexa restart {self.name}"
                self._move(WorkerState.DRAINED)
            self._roused.clear()
            try:
                await asyncio.wait_for(self._roused.wait(), delay_s if self.state is WorkerState.EXITED else None)
            except TimeoutError:
                self._restarts += 1
                return True
        return False

    def _follow(self, state: WorkerState) -> bool:
        """Move to the state of a heartbeat, also where those in between were lost. Returns whether it moved."""
        if state is self.state:
            return False
        if self.state is WorkerState.SPAWNING and state in (WorkerState.READY, WorkerState.DRAINING):
            self._move(WorkerState.LOADING)
        if self.state is WorkerState.LOADING and state is WorkerState.DRAINING:
            self._move(WorkerState.READY)
        if state not in WORKER_MOVES[self.state]:
            return False
        self._move(state)
        return True

    def _move(self, state: WorkerState) -> None:
        self.state = move(WORKER_MOVES, self.state, state, f"worker {self.name}")
        if state is WorkerState.READY:
            self._ready_at_s, self._loaded_at_s = time.monotonic(), time.time()
            self._hangs.restart()
            self._was_ready = True
            self._starved = False
        self._moved.set()
        self._moved = asyncio.Event()
        self._on_change()

    def _replace(self, reason: str) -> None:
        if self._worker is not None and not self._killed_because:
            self._killed_because = f"{reason}; the worker was killed"
            self._worker.kill()
