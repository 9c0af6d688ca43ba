"""``python -m workers.supervisor``: the process of ``nexa server``, once its options are parsed."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import socket
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from shared.devices import DeviceAssignment, assign, usable_cores
from shared.logs.setup import open_log
from shared.settings import ServerSettings
from shared.settings.run import SettingsFile
from shared.signals import ignore_stray_signals
from workers.supervisor.commands import router_command, worker_command
from workers.supervisor.display import open_display
from workers.supervisor.listener import CannotListen, open_listener
from workers.supervisor.placing.budgets import device_budgets
from workers.supervisor.placing.local import LocalPlacer
from workers.supervisor.placing.needs import needs_of
from workers.supervisor.processes.output import LineForwarder
from workers.supervisor.replicas.limits import worker_names
from workers.supervisor.service_manager import ServiceManager
from workers.supervisor.supervisor import Supervisor


def main(arguments: list[str] | None = None) -> int:
    """Run one server, then remove its run folder. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m workers.supervisor", description="The process of nexa server.")
    parser.add_argument("--settings", type=Path, required=True)
    file = SettingsFile.at(parser.parse_args(arguments).settings)
    settings = ServerSettings.load(file.path)
    open_log(settings.log_format, process="nexa")
    ignore_stray_signals()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # until the supervisor's handler
    try:
        listeners = [open_listener(settings.host, settings.port)]
        if settings.ollama_port:
            listeners.append(open_listener(settings.host, settings.ollama_port, "--ollama-port:"))
        return asyncio.run(_serve(settings, file, listeners))
    except CannotListen as error:
        print(f"nexa: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(settings.run_folder, ignore_errors=True)


async def _serve(settings: ServerSettings, file: SettingsFile, listeners: Sequence[socket.socket]) -> int:
    on_line = LineForwarder(settings.log_format)
    router = partial(router_command, file, [listener.fileno() for listener in listeners])
    assignments = _assignments(settings)
    share = max(1, usable_cores() // max(1, len(assignments)))
    placer = LocalPlacer(partial(worker_command, file), assignments, on_line, share)
    display, manager = open_display(settings.log_format), ServiceManager.of_environment(os.environ)
    supervisor = Supervisor(
        settings,
        listeners,
        router,
        placer,
        display,
        on_line,
        service_manager=manager,
        budgets=device_budgets(settings.memory_budget),
    )
    return await supervisor.run()


def _assignments(settings: ServerSettings) -> dict[str, DeviceAssignment]:
    """A device for each worker that starts with the server, by name."""
    at_start = [model for model in settings.models if model.load == "start"]
    needs = {name: needs_of(model) for model in at_start for name in worker_names(model)}
    return dict(zip(needs, assign(list(needs.values())), strict=True))


if __name__ == "__main__":
    sys.exit(main())
