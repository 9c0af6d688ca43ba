"""The main loop of a worker process: commands in, engine steps, events out."""

from __future__ import annotations

import logging
import os
import queue
import signal
import time
from typing import assert_never

import psutil

from shared.logs.output import dropped_lines
from shared.memory.gpu_use import GpuUse
from shared.wire.messages import Cancel, Drain, EngineStats, Heartbeat
from shared.wire.payloads import Failed, JobError
from shared.wire.supervision import WorkerState
from shared.wire.transport import Endpoints
from workers.engine import Emitted, Engine, EngineInfo, EngineJob, HoldingEngine, KeepingEngine
from workers.link import Command, Submission, WorkerLink
from workers.pulse import Pulse

ACKNOWLEDGE_WAIT_S = 1.0
"""Longest time that a drained worker waits for the router to acknowledge its jobs' ends."""
ACKNOWLEDGE_POLL_S = 0.01
MAX_COMMANDS_S = 0.05
"""After this time, running jobs get a step before further commands: large prompts do not hold up their tokens."""

log = logging.getLogger("nexa.worker")


class WorkerRuntime:
    """Runs one engine behind a :class:`WorkerLink` until it is drained and the router has acknowledged all jobs."""

    def __init__(
        self, engine: Engine, worker_id: str, worker_name: str, model: str, device: str, endpoints: Endpoints
    ) -> None:
        self._engine = engine
        self._worker_id = worker_id
        self._worker_name = worker_name
        self._model = model
        self._device = device
        self._process = psutil.Process()
        self._gpu_use = GpuUse()
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._link = WorkerLink(worker_id, endpoints, self._commands.put)
        self._pulse = Pulse(endpoints, self._heartbeat)
        self._state = WorkerState.LOADING
        self._loading = 0.0
        self._info = EngineInfo(slots=0, context_tokens=0)
        self._stats = EngineStats()
        self._step_started_at_s: float | None = None
        self._finished_at_s: float | None = None

    def run(self) -> None:
        """Load the model and serve until drained.

        Raises:
            EngineLoadError: the model cannot be loaded.
            WorkerMustEnd: a cancelled job can only be stopped by ending this process.
        """
        self._pulse.start()
        self._link.start()
        signal.signal(signal.SIGTERM, lambda *_: self._commands.put(Drain()))
        try:
            self._loaded(self._engine.load(self._report_loading))
            self._serve()
        finally:
            self._link.stop()
            self._pulse.stop()
            self._engine.close()

    def _loaded(self, info: EngineInfo) -> None:
        if info.device is not None and info.device != self._device:
            if info.device == "cpu":
                reason = "its engine is compiled without support for the GPU, or cannot use the driver"
                log.warning("the model runs on the CPU: %s", reason, extra={"gpu": self._device})
            self._device = info.device
        self._info, self._stats = info, self._engine.stats()
        self._set_state(WorkerState.READY)

    def _serve(self) -> None:
        while True:
            emitted = self._take_commands(wait=not self._engine.has_work())
            if self._engine.has_work():
                emitted += self._step()
            else:
                self._stats = self._engine.stats()
            if not self._engine.has_work():
                self._step_started_at_s = None
            if emitted:
                self._link.emit(emitted)
            if self._state is WorkerState.DRAINING and not self._engine.has_work() and self._may_end():
                if isinstance(self._engine, KeepingEngine):
                    self._engine.settle()
                return

    def _may_end(self) -> bool:
        """Whether a drained worker may exit: all jobs are acknowledged, or ``ACKNOWLEDGE_WAIT_S`` has passed.

        Until then the router may ask for a replay, and a last job may still arrive.
        """
        if not self._commands.empty():
            self._finished_at_s = None
            return False
        if self._finished_at_s is None:
            self._finished_at_s = time.monotonic()
        if not self._link.kept_jobs() or time.monotonic() - self._finished_at_s > ACKNOWLEDGE_WAIT_S:
            return True
        time.sleep(ACKNOWLEDGE_POLL_S)
        return False

    def _step(self) -> list[Emitted]:
        """Call the engine once. A call that only waits counts as part of the step that it waits for."""
        if self._step_started_at_s is None:
            self._step_started_at_s = time.monotonic()
        emitted = self._engine.step()
        stats = self._engine.stats()
        before = self._stats
        if emitted or (stats.steps, stats.media_encode_s) != (before.steps, before.media_encode_s):
            self._step_started_at_s = time.monotonic()
        self._stats = stats
        return emitted

    def _take_commands(self, wait: bool) -> list[Emitted]:
        """Carry out commands that have arrived, for up to ``MAX_COMMANDS_S``. With ``wait``, block for the first."""
        emitted: list[Emitted] = []
        until_s = time.monotonic() + MAX_COMMANDS_S
        if wait and self._state is not WorkerState.DRAINING:
            emitted += self._carry_out(self._next_command())
            until_s = time.monotonic() + MAX_COMMANDS_S
        while True:
            try:
                emitted += self._carry_out(self._commands.get_nowait())
            except queue.Empty:
                return emitted
            if time.monotonic() >= until_s:
                return emitted

    def _next_command(self) -> Command:
        """Wait for a command. Meanwhile the engine may do what can wait."""
        while isinstance(self._engine, KeepingEngine) and (pause_s := self._engine.rest()) is not None:
            try:
                return self._commands.get(timeout=pause_s)
            except queue.Empty:
                continue
        return self._commands.get()

    def _carry_out(self, command: Command) -> list[Emitted]:
        match command:
            case Submission():
                return self._submit(command)
            case Cancel(job_id=job_id):
                self._engine.cancel(job_id)
            case Drain():
                self._set_state(WorkerState.DRAINING)
            case _:
                assert_never(command)
        return []

    def _submit(self, submission: Submission) -> list[Emitted]:
        message = submission.message
        job = EngineJob(
            message.job_id,
            submission.work,
            message.generated,
            submission.blobs,
            message.delivered,
            message.begun,
            message.user,
            message.weight,
            message.mirostat_mu,
        )
        try:
            return self._engine.submit(job)
        except JobError as error:
            return [(message.job_id, error.failed)]
        except Exception:
            log.exception("job failed in the engine", extra={"job": message.job_id})
            return [(message.job_id, Failed(500, "the engine failed on this request; the server's log has the reason"))]

    def _set_state(self, state: WorkerState) -> None:
        self._state = state
        self._pulse.beat()

    def _report_loading(self, fraction: float) -> None:
        if fraction - self._loading >= 0.05 or fraction >= 1.0:
            self._loading = fraction
            self._pulse.beat()

    def _memory_bytes(self) -> int:
        held = self._engine.held_bytes() if isinstance(self._engine, HoldingEngine) else 0
        return int(self._process.memory_info().rss) + held

    def _heartbeat(self) -> Heartbeat:
        started_at_s = self._step_started_at_s
        return Heartbeat(
            worker_id=self._worker_id,
            worker_name=self._worker_name,
            model=self._model,
            pid=os.getpid(),
            device=self._device,
            state=self._state,
            loading=self._loading,
            slots=self._info.slots,
            context_tokens=self._info.context_tokens,
            memory_bytes=self._memory_bytes(),
            busy_s=0.0 if started_at_s is None else time.monotonic() - started_at_s,
            stats=self._stats,
            sent_at_s=time.monotonic(),
            dropped_lines=dropped_lines(),
            translates=self._info.translates,
            thinks=self._info.thinks,
            media=self._info.media,
            images=self._info.images,
            device_memory_bytes=self._gpu_use.bytes() if self._device.startswith("cuda") else 0,
        )
