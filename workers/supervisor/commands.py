"""The command lines of the supervisor's children."""

from __future__ import annotations

from collections.abc import Sequence

from shared.devices import DeviceAssignment
from shared.interpreter import child_environment, module_command
from shared.settings.run import MODEL_VARIABLE, SettingsFile
from workers.supervisor.placing.placer import WorkerSpec
from workers.supervisor.processes.process import Command

ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(1024 * 1024), "MALLOC_ARENA_MAX": "2"}
"""glibc gives the memory of large bodies back to the system when they are freed, whichever thread took it."""


def router_command(settings: SettingsFile, listener_fds: Sequence[int]) -> Command:
    """``python -m router``, which inherits the listening sockets' descriptors."""
    arguments = ["--settings", str(settings.path)]
    for listener_fd in listener_fds:
        arguments += ["--fd", str(listener_fd)]
    environment = ALLOCATOR | child_environment()
    return Command(module_command("router", *arguments), environment, (*listener_fds, *settings.descriptors))


def worker_command(settings: SettingsFile, spec: WorkerSpec, assignment: DeviceAssignment) -> Command:
    """``python -m workers`` on the device of ``assignment``."""
    arguments = [
        *("--settings", str(settings.path)),
        *("--model", spec.model),
        *("--worker-name", spec.worker_name),
        *("--worker-id", spec.worker_id),
        *("--threads", str(assignment.threads)),
        *("--device", assignment.device),
    ]
    environment = child_environment() | assignment.env
    if spec.settings:
        environment[MODEL_VARIABLE] = spec.settings.decode()
    return Command(module_command("workers", *arguments), environment, settings.descriptors)
