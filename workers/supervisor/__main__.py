"""``python -m workers.supervisor``: what ``nexa server`` becomes once its options are understood."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import socket
import sys
from pathlib import Path

from shared.devices import assign
from shared.logging_setup import configure
from shared.settings import ServerSettings
from workers.supervisor.display import open_display
from workers.supervisor.listener import CannotListen, open_listener
from workers.supervisor.processes.commands import ModuleLaunch
from workers.supervisor.supervisor import Supervisor


def main(arguments: list[str] | None = None) -> int:
    """Run one server until it ends; returns its exit code. The run folder is removed."""
    parser = argparse.ArgumentParser(prog="python -m workers.supervisor", description="The process of nexa server.")
    parser.add_argument("--settings", type=Path, required=True)
    settings = ServerSettings.load(parser.parse_args(arguments).settings)
    configure(fmt=settings.log_format, process="nexa")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # until the supervisor's own handler
    try:
        listener = open_listener(settings.host, settings.port)
        return asyncio.run(_serve(settings, listener))
    except CannotListen as error:
        print(f"nexa: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(settings.run_folder, ignore_errors=True)


async def _serve(settings: ServerSettings, listener: socket.socket) -> int:
    assignments = assign(
        workers=sum(model.workers for model in settings.models),
        threads=settings.threads,
        use_gpu=settings.gpu_layers != 0,
    )
    launch = ModuleLaunch(settings, listener.fileno())
    return await Supervisor(settings, listener, launch, assignments, open_display(settings.log_format)).run()


if __name__ == "__main__":
    sys.exit(main())
