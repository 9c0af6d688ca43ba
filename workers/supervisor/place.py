"""One place for a worker: the process that fills it now, its state, and its restarts."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from shared import exit_codes
from shared.jobs import JobKind
from shared.messages import WORKER_MOVES, Heartbeat, WorkerState, WorkerStatus
from workers.supervisor.exits import MemoryFigures, explain_exit, is_hopeless
from workers.supervisor.process import ChildProcess, Command, LineSink
from workers.supervisor.restarts import RestartPolicy

_ENDED = frozenset({WorkerState.EXITED, WorkerState.FAILED})


class ForbiddenMove(Exception):
    """A change of state that :data:`WORKER_MOVES` does not have: a defect."""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """When a ready worker counts as hung: no heartbeat for ``silence_s``, or one step longer than ``busy_s``.

    A decode step of text, a batch of speech and a denoising step of a picture take very different times.
    """

    silence_s: float = 10.0
    busy_s: float = 60.0
    stop_s: float = 10.0
    restarts: Callable[[], RestartPolicy] = field(default=RestartPolicy)

    @classmethod
    def of(cls, kind: JobKind) -> WorkerLimits:
        """The limits for a worker of that kind."""
        return cls(busy_s={JobKind.TEXT: 60.0, JobKind.SPEECH: 300.0, JobKind.IMAGE: 900.0}[kind])


class WorkerPlace:
    """Keeps one worker running: starts it, follows its heartbeats, replaces it when it dies or hangs.

    Args:
        name: the worker's name, the same over restarts.
        model: the model that it serves.
        launch: the command for a given worker id.
        limits: when a worker counts as hung, and how restarts are spaced.
        on_change: called after each change of state or of loading progress.
        on_line: given each line of the worker's output.
    """

    def __init__(
        self,
        name: str,
        model: str,
        device: str,
        launch: Callable[[str], Command],
        limits: WorkerLimits,
        on_change: Callable[[], None],
        on_line: LineSink,
    ) -> None:
        self.name = name
        self.model = model
        self.device = device
        self.state = WorkerState.SPAWNING
        self.loading = 0.0
        self.detail = ""
        self.last_lines: list[str] = []
        self._launch = launch
        self._limits = limits
        self._policy = limits.restarts()
        self._on_change = on_change
        self._on_line = on_line
        self._child: ChildProcess | None = None
        self._worker_id = ""
        self._restarts = 0
        self._was_ready = False
        self._stopping = asyncio.Event()
        self._killed_because = ""
        self._ready_since_s: float | None = None
        self._heard_s = 0.0
        self._memory_bytes = 0

    @property
    def pid(self) -> int | None:
        """The worker's process id while there is one."""
        return self._child.pid if self._child else None

    @property
    def ended(self) -> bool:
        """Whether no process fills the place."""
        return self.state in _ENDED

    def status(self) -> WorkerStatus:
        """What the router is told."""
        return WorkerStatus(self.name, self.model, self._worker_id, self.state, self._restarts, self.detail)

    async def run(self) -> None:
        """Keep a worker here until :meth:`stop`, :meth:`kill`, or until restarting is given up."""
        while not self._stopping.is_set():
            code = await self._run_once()
            delay_s = self._after_exit(code)
            if delay_s is None:
                return
            try:
                await asyncio.wait_for(self._stopping.wait(), delay_s)
            except TimeoutError:
                self._restarts += 1
                self._move(WorkerState.SPAWNING)

    def heard(self, heartbeat: Heartbeat) -> None:
        """Take a heartbeat of this place's worker; those of earlier runs are ignored."""
        if heartbeat.worker_id != self._worker_id or self.ended:
            return
        self._heard_s = time.monotonic()
        self._memory_bytes = heartbeat.memory_bytes
        moved = self._follow(heartbeat.state)
        if moved or heartbeat.loading != self.loading:
            self.loading = heartbeat.loading
            self._on_change()
        if self.state is WorkerState.READY and heartbeat.busy_s > self._limits.busy_s:
            self._replace(f"one step took more than {self._limits.busy_s:.0f} s; the worker was stopped")

    def check(self) -> None:
        """Replace a ready worker that has fallen silent."""
        silent_s = time.monotonic() - self._heard_s
        if self.state is WorkerState.READY and silent_s > self._limits.silence_s:
            self._replace(f"no sign of life for {silent_s:.0f} s; the worker was stopped")

    def forgive(self) -> None:
        """Start to count silence anew: the supervisor itself was not listening."""
        self._heard_s = time.monotonic()

    async def stop(self) -> bool:
        """End the worker for good, after what it is doing if it serves. Returns whether it ended by itself."""
        self._stopping.set()
        if self._child is None:
            return True
        if self.state not in (WorkerState.READY, WorkerState.DRAINING):
            self._child.kill()
            return True
        return await self._child.end(self._limits.stop_s)

    def kill(self) -> None:
        """End the worker for good, now."""
        self._stopping.set()
        if self._child is not None:
            self._child.kill()

    async def _run_once(self) -> int:
        """Start a worker and wait for its end; returns its exit code."""
        self._worker_id = f"{self.name}.{secrets.token_hex(4)}"
        self.loading, self._ready_since_s, self._memory_bytes, self._killed_because = 0.0, None, 0, ""
        self._on_change()
        try:
            self._child = await ChildProcess.spawn(self.name, self._launch(self._worker_id), self._on_line)
        except OSError as error:
            self.last_lines = [f"cannot be started: {error}"]
            return 1
        if self._stopping.is_set():
            self._child.kill()
        code = await self._child.wait()
        self.last_lines = self._child.last_lines
        self._child = None
        return code

    def _after_exit(self, code: int) -> float | None:
        """Record an exit; returns the delay before the next start, or None where there is none."""
        loading = self._ready_since_s is None
        self.detail = self._killed_because or explain_exit(code, loading, MemoryFigures.now(self._memory_bytes))
        ready_s = None if self._ready_since_s is None else time.monotonic() - self._ready_since_s
        if self._stopping.is_set():
            delay_s = None
        elif code == exit_codes.REPLACE and ready_s is not None:
            delay_s = 0.0
        else:
            delay_s = self._policy.next_delay_s(ready_s)
        first_load = not self._was_ready and self._restarts == 0
        self._move(WorkerState.EXITED)
        if self._stopping.is_set():
            return None
        if delay_s is None:
            self.detail = f"given up after {self._policy.failed_starts} failed starts; the last one {self.detail}"
        if delay_s is None or (first_load and is_hopeless(code)):
            self._move(WorkerState.FAILED)
            return None
        return delay_s

    def _follow(self, state: WorkerState) -> bool:
        """Move to the state that the worker tells; it may have passed LOADING unheard. Returns whether it moved."""
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
        if state not in WORKER_MOVES[self.state]:
            raise ForbiddenMove(f"{self.name}: {self.state} to {state}")
        self.state = state
        if state is WorkerState.READY:
            self._ready_since_s = self._heard_s = time.monotonic()
            self._was_ready = True
        self._on_change()

    def _replace(self, reason: str) -> None:
        if self._child is not None and not self._killed_because:
            self._killed_because = reason
            self._child.kill()
