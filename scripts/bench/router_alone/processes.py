"""The router with one echo worker, started as the supervisor starts them, but so that each is known by itself."""

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
    """A ready router and the process whose time and memory count."""

    host: str
    port: int
    process: psutil.Process

    def cpu_s(self) -> float:
        """CPU time that the router's process has used so far, of all its threads."""
        times = self.process.cpu_times()
        return times.user + times.system

    def rss_bytes(self) -> int:
        """The router's resident memory."""
        return self.process.memory_info().rss


@contextlib.contextmanager
def running_router(slots: int, step_s: float = 0.0, worker_module: str = "workers") -> Iterator[RouterAlone]:
    """A router and one worker with the echo engine, which waits ``step_s`` at each step; stopped afterwards.

    Raises:
        RuntimeError: they did not get ready; the message has the end of what they said.
    """
    folder = Path(tempfile.mkdtemp(prefix="nx"))  # short, as Unix sockets' paths must be
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
