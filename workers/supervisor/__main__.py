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

from shared.devices import usable_cores
from shared.logs.setup import open_log
from shared.memory.fitting import DoesNotFit
from shared.settings import ServerSettings
from shared.settings.option import OptionError
from shared.settings.run import SettingsFile
from shared.signals import ignore_stray_signals
from workers.supervisor.commands import router_command, worker_command
from workers.supervisor.display import open_display
from workers.supervisor.listener import CannotListen, open_listener
from workers.supervisor.placing.budgets import DeviceRoom, device_rooms
from workers.supervisor.placing.local import LocalPlacer
from workers.supervisor.placing.starting import Start, as_order, fit_start
from workers.supervisor.processes.output import LineForwarder
from workers.supervisor.service_manager import ServiceManager
from workers.supervisor.supervisor import Supervisor

_EXIT_USAGE = 2
"""As of wrong options that ``nexa`` finds itself."""


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
        rooms = device_rooms(settings.memory_budget)
        return asyncio.run(_serve(fit_start(settings, rooms), rooms, listeners))
    except OptionError as error:
        print(f"nexa: {error}", file=sys.stderr)
        return _EXIT_USAGE
    except (CannotListen, DoesNotFit) as error:
        print(f"nexa: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(settings.run_folder, ignore_errors=True)


async def _serve(start: Start, rooms: Sequence[DeviceRoom], listeners: Sequence[socket.socket]) -> int:
    settings = start.settings
    file = settings.hand_on()
    on_line = LineForwarder(settings.log_format)
    router = partial(router_command, file, [listener.fileno() for listener in listeners])
    share = max(1, usable_cores() // max(1, len(start.assignments)))
    placer = LocalPlacer(partial(worker_command, file), start.assignments, on_line, share)
    display, manager = open_display(settings.log_format), ServiceManager.of_environment(os.environ)
    supervisor = Supervisor(
        settings,
        listeners,
        router,
        placer,
        display,
        on_line,
        service_manager=manager,
        budgets=[room.budget for room in rooms],
        orders={name: as_order(place) for name, place in start.places.items()},
    )
    return await supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
