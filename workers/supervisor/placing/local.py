"""Workers as processes of this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from shared import exit_codes
from shared.devices import DeviceAssignment, DeviceMissing, assignment_on
from shared.memory.fitting import CPU
from shared.settings import ModelSettings
from shared.wire.messages import Heartbeat
from shared.wire.supervision import WorkerState
from workers.supervisor.placing.memory_kills import KillsSinceThen
from workers.supervisor.placing.needs import needs_of
from workers.supervisor.placing.placer import Exit, PlacementError, WorkerSpec
from workers.supervisor.processes.exits import (
    MemoryFigures,
    explain_exit,
    found_too_little_memory,
    is_hopeless,
    was_stopped_from_outside,
)
from workers.supervisor.processes.process import ChildProcess, Command, LineSink


class LocalPlacer:
    """Starts workers as child processes, each on its own device.

    Args:
        command: the command line that starts a worker on a device.
        assignments: the devices of the workers that are started with the server, by name.
        threads: the threads of a worker that is started later, unless its model's options say so.
        on_line: called with each line of a worker's output.
    """

    def __init__(
        self,
        command: Callable[[WorkerSpec, DeviceAssignment], Command],
        assignments: Mapping[str, DeviceAssignment],
        on_line: LineSink,
        threads: int = 1,
    ) -> None:
        self._command = command
        self._assignments = assignments
        self._on_line = on_line
        self._threads = threads

    async def place(self, spec: WorkerSpec) -> LocalWorker:
        """Start a worker's process.

        Raises:
            PlacementError: it cannot be started.
        """
        kills = KillsSinceThen()
        try:
            assignment = self._assignment(spec)
            child = await ChildProcess.spawn(spec.worker_name, self._command(spec, assignment), self._on_line)
        except DeviceMissing as error:
            raise PlacementError(str(error)) from None
        except OSError as error:
            raise PlacementError(f"the process cannot be started: {error}") from None
        return LocalWorker(child, assignment.device, kills)

    def _assignment(self, spec: WorkerSpec) -> DeviceAssignment:
        """The devices of its memory; those that it was assigned keep their order, and GPUs that only engines find."""
        assigned = self._assignments.get(spec.worker_name)
        if assigned is not None and (not spec.memory or {*assigned.devices} == {*spec.memory} - {CPU}):
            return assigned
        finds_gpus = bool(needs_of(ModelSettings.model_validate(json.loads(spec.settings))).gpus)
        return assignment_on(spec.memory, self._threads, finds_gpus=finds_gpus)


class LocalWorker:
    """A worker's process. Its exit is explained by its exit code, and by memory as last reported.

    ``kills`` counts from before its start.
    """

    def __init__(self, child: ChildProcess, device: str, kills: KillsSinceThen) -> None:
        self._child = child
        self._device = device
        self._kills = kills
        self._loading = True
        self._memory_bytes = 0
        self._killed = False

    @property
    def location(self) -> str:
        """The device."""
        return self._device

    @property
    def last_lines(self) -> list[str]:
        """The last lines of output, oldest first."""
        return self._child.last_lines

    def observe(self, heartbeat: Heartbeat) -> None:
        """Note how much memory the process holds, and whether it still loads its model."""
        self._memory_bytes = heartbeat.memory_bytes
        self._loading = heartbeat.state is WorkerState.LOADING

    async def wait(self) -> Exit:
        """Wait for the process to end and explain its exit code."""
        code = await self._child.wait()
        kills = self._kills.count()
        starved = found_too_little_memory(code, self.last_lines, self._killed, kills)
        return Exit(
            explain_exit(code, self._loading, MemoryFigures.now(self._memory_bytes), kills),
            hopeless=is_hopeless(code),
            replace=code == exit_codes.REPLACE,
            out_of_memory=starved,
            from_outside=was_stopped_from_outside(code) and not starved,
        )

    async def end(self, timeout_s: float) -> bool:
        """SIGTERM, then SIGKILL after ``timeout_s``. Returns whether SIGTERM was enough."""
        return await self._child.end(timeout_s)

    def kill(self) -> None:
        """End the process and its children (SIGKILL)."""
        self._killed = True
        self._child.kill()
