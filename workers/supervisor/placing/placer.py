"""The protocol through which the supervisor starts, watches and stops workers, wherever these run.

The state machine of a worker (:mod:`workers.supervisor.replicas.replica`), restarts and operators' orders know nothing
else. Another way of placing workers (another machine, a container, a scheduler) is another :class:`Placer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from shared.wire.messages import Heartbeat


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """The worker to start. ``worker_name`` stays the same over restarts, ``worker_id`` is unique to one run.

    A worker that the router has ordered has the model's ``settings`` as JSON, and the ``memory`` that it may take of
    each device. One that is started with the server has neither.
    """

    model: str
    worker_name: str
    worker_id: str
    settings: bytes = b""
    memory: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exit:
    """How a worker ended.

    Args:
        reason: one line for the operator.
        hopeless: a worker that ended this way during its first load would do so again.
        replace: the worker ended on purpose and wants a successor without delay.
        out_of_memory: it probably found too little memory.
        from_outside: someone ended it: a worker that is started again may well be ready.
    """

    reason: str
    hopeless: bool = False
    replace: bool = False
    out_of_memory: bool = False
    from_outside: bool = False


class PlacementError(Exception):
    """A worker could not be started; the message is one line."""


class PlacedWorker(Protocol):
    """A worker that was started."""

    @property
    def location(self) -> str:
        """Where it runs, for people: its device, and its machine where there are several; empty while unknown."""

    @property
    def last_lines(self) -> list[str]:
        """The last lines of its output, oldest first."""

    def observe(self, heartbeat: Heartbeat) -> None:
        """Note the worker's latest heartbeat, which helps to explain its exit."""

    async def wait(self) -> Exit:
        """Wait until the worker has ended and its output has been read. Called once."""

    async def end(self, timeout_s: float) -> bool:
        """Ask the worker to finish its jobs and end; kill it after ``timeout_s``. Returns False if it was killed."""

    def kill(self) -> None:
        """End the worker now. Does nothing if it has ended."""


class Placer(Protocol):
    """Starts workers."""

    async def place(self, spec: WorkerSpec) -> PlacedWorker:
        """Start a worker. Returns soon: a worker that waits for a machine is placed already, and can be killed.

        Raises:
            PlacementError: it cannot be started.
        """
