"""A supervisor of stand-ins as a process: ``server.py RUN_FOLDER ROUTER WORKER [WORKER ...]``.

Tests that run a supervisor in their own process build it from here too.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from shared.devices import DeviceAssignment
from shared.interpreter import child_environment
from shared.kinds import JobKind
from shared.logs.setup import configure
from shared.settings import ModelSettings, ServerSettings
from workers.supervisor.display import LogDisplay
from workers.supervisor.listener import open_listener
from workers.supervisor.placing.local import LocalPlacer
from workers.supervisor.placing.needs import worker_names
from workers.supervisor.placing.placer import WorkerSpec
from workers.supervisor.processes.output import LineForwarder
from workers.supervisor.processes.process import Command
from workers.supervisor.replicas.limits import WorkerLimits
from workers.supervisor.replicas.restarts import RestartPolicy
from workers.supervisor.service_manager import ServiceManager
from workers.supervisor.supervisor import Supervisor

CHILD = Path(__file__).with_name("child.py")


@dataclass
class StandInLaunch:
    """Command lines of stand-ins. ``workers`` maps models to behaviours and may change between starts.

    Each model has ``count`` workers.
    """

    folder: Path
    router_behaviour: str
    workers: dict[str, str]
    count: int = 1

    def router(self) -> Command:
        return self._command("router", self.router_behaviour)

    def worker(self, spec: WorkerSpec, assignment: DeviceAssignment) -> Command:
        return self._command("worker", self.workers[spec.model], spec.worker_name, spec.worker_id)

    def _command(self, role: str, behaviour: str, *more: str) -> Command:
        return Command([sys.executable, str(CHILD), role, behaviour, str(self.folder), *more], child_environment())


def quick_restarts() -> RestartPolicy:
    return RestartPolicy(first_delay_s=0.01, max_delay_s=0.05)


LIMITS = WorkerLimits(silence_s=1.0, stop_s=3.0, restarts=quick_restarts)


def build_supervisor(
    launch: StandInLaunch, limits: WorkerLimits | None = None, service_manager: ServiceManager | None = None
) -> Supervisor:
    models = tuple(
        ModelSettings(name=name, kinds=(JobKind.TEXT,), engine="echo", path="", workers=launch.count)
        for name in launch.workers
    )
    settings = ServerSettings(models=models, run_folder=str(launch.folder), port=0, drain_timeout_s=5.0)
    assignments = {name: DeviceAssignment((), 1) for model in models for name in worker_names(model)}
    on_line = LineForwarder("text")
    placer = LocalPlacer(launch.worker, assignments, on_line)
    listener = open_listener("127.0.0.1", 0)
    limits = limits or LIMITS
    display = LogDisplay("text")
    return Supervisor(settings, [listener], launch.router, placer, display, on_line, limits, service_manager)


async def serve(folder: Path, router: str, workers: list[str]) -> int:
    launch = StandInLaunch(folder, router, {f"m{n}": behaviour for n, behaviour in enumerate(workers)})
    return await build_supervisor(launch, service_manager=ServiceManager.of_environment(os.environ)).run()


if __name__ == "__main__":
    configure(process="nexa")
    sys.exit(asyncio.run(serve(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])))
