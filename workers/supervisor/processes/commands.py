"""The command lines of the supervisor's children."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.devices import DeviceAssignment
from shared.interpreter import child_environment, module_command
from shared.settings import ServerSettings
from workers.supervisor.processes.process import Command


class Launch(Protocol):
    """Says how the children are started; tests put scripts of their own here."""

    def router(self) -> Command:
        """The router."""

    def worker(self, model: str, worker_name: str, worker_id: str, assignment: DeviceAssignment) -> Command:
        """One worker."""


@dataclass(frozen=True, slots=True)
class ModuleLaunch:
    """Starts ``python -m router`` and ``python -m workers``. ``listener_fd`` is the listening socket's descriptor."""

    settings: ServerSettings
    listener_fd: int

    def router(self) -> Command:
        arguments = ["--settings", str(self.settings.path), "--fd", str(self.listener_fd)]
        return Command(module_command("router", *arguments), child_environment(), (self.listener_fd,))

    def worker(self, model: str, worker_name: str, worker_id: str, assignment: DeviceAssignment) -> Command:
        arguments: Sequence[str] = [
            *("--settings", str(self.settings.path)),
            *("--model", model),
            *("--worker-name", worker_name),
            *("--worker-id", worker_id),
            *("--threads", str(assignment.threads)),
            *("--device", assignment.device),
        ]
        return Command(module_command("workers", *arguments), child_environment() | assignment.env)
