"""A router and one echo worker, started like the supervisor does, with access to the router's process."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import psutil

from scripts.bench.servers.processes import NotReady, stop, wait_until_ready
from shared.interpreter import child_environment, module_command
from shared.kinds import JobKind
from shared.settings import ModelSettings, ServerSettings

MODEL = "echo"


@dataclass(frozen=True, slots=True)
class RouterAlone:
    """A router that is ready, and its process."""

    host: str
    port: int
    process: psutil.Process

    def cpu_s(self) -> float:
        """CPU seconds used by all threads of the router's process."""
        times = self.process.cpu_times()
        return times.user + times.system

    def rss_bytes(self) -> int:
        """Resident memory of the router's process."""
        return self.process.memory_info().rss


@contextlib.contextmanager
def running_router(slots: int, step_s: float = 0.0, worker_module: str = "workers") -> Iterator[RouterAlone]:
    """Start a router and one worker whose echo engine waits ``step_s`` per step; stop them afterwards.

    Raises:
        RuntimeError: they did not become ready; the message holds the end of their log.
    """
    folder = Path(tempfile.mkdtemp(prefix="nx"))  # short: paths of Unix sockets have a limit
    try:
        with (
            socket.create_server(("127.0.0.1", 0), backlog=4096) as listener,
            (folder / "log").open("w+b") as log,
            contextlib.ExitStack() as stack,
        ):
            host, port = listener.getsockname()
            model = ModelSettings(name=MODEL, kinds=(JobKind.TEXT,), engine="echo", path="", slots=slots, step_s=step_s)
            settings = ServerSettings(
                models=(model,),
                run_folder=str(folder),
                host=host,
                port=port,
                output_folder=str(folder / "out"),
            )
            settings.save()
            where = ["--settings", str(settings.path)]
            router = _start(stack, log, "router", [*where, "--fd", str(listener.fileno())], (listener.fileno(),))
            names = ["--model", MODEL, "--worker-name", "echo-0", "--worker-id", "echo-0-1"]
            worker = _start(stack, log, worker_module, [*where, *names])
            try:
                wait_until_ready(f"http://{host}:{port}/ready", [router, worker])
            except NotReady as error:
                said = (folder / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"router and echo worker: {error}\n{said}") from None
            yield RouterAlone(host, port, psutil.Process(router.pid))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(
    stack: contextlib.ExitStack, log: BinaryIO, module: str, arguments: list[str], descriptors: tuple[int, ...] = ()
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        module_command(module, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=child_environment(),
        pass_fds=descriptors,
        start_new_session=True,
    )
    stack.callback(stop, process, signal.SIGTERM)
    return process
