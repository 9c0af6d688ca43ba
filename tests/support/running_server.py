"""A real ``nexa server`` in a process of its own, as an operator would start it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from router.client.connection import ServerClient

START_TIMEOUT_S = 120.0


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = 60.0) -> Any:
    """Poll until ``condition`` returns something true; that is returned."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {timeout_s} s in vain: {what}")


class RunningServer:
    """``nexa server`` with some arguments on a free port of 127.0.0.1; its output goes to a file.

    ``module`` is what is run in place of ``nexa``.
    """

    def __init__(self, *arguments: str, module: str = "router.cli") -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # Only one server at a time may have the files and batches of a folder.
        self._state = tempfile.TemporaryDirectory(prefix="nexa-state-", ignore_cleanup_errors=True)
        environment = {"NEXA_STATE_FOLDER": self._state.name, **os.environ}
        self._log = tempfile.NamedTemporaryFile(prefix="nexa-e2e-", suffix=".log")  # noqa: SIM115
        command = [sys.executable, "-m", module, "server", *arguments, "--port", str(self.port)]
        self.process = subprocess.Popen(
            command,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=environment,
        )
        self.api = ServerClient(self.url, timeout_s=120.0)
        self.client = self.api.http

    def wait_ready(self) -> None:
        """Wait until every model is served."""

        def ready() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.output()}")
            return self.status("/ready") == 200

        wait_until(ready, f"the server is ready; it said:\n{self.output()}", START_TIMEOUT_S)

    def status(self, path: str) -> int | None:
        """The HTTP status of a GET, None while nobody answers."""
        with contextlib.suppress(httpx.HTTPError):
            return self.client.get(path).status_code
        return None

    def output(self) -> str:
        """What the server's processes have written."""
        with open(self._log.name, encoding="utf-8", errors="replace") as log:
            return log.read()

    def workers(self) -> list[dict[str, Any]]:
        """The rows of ``/v1/workers``."""
        rows: list[dict[str, Any]] = self.client.get("/v1/workers").json()["data"]
        return rows

    def worker_pids(self) -> list[int]:
        """The process ids of the ready workers."""
        return [row["pid"] for row in self.workers() if row["state"] == "ready"]

    def children(self) -> list[int]:
        """The process ids of router and workers."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as children:
            return [int(pid) for pid in children.read().split()]

    def router_pid(self) -> int:
        """The router's process id."""
        for pid in self.children():
            with open(f"/proc/{pid}/cmdline", "rb") as command, contextlib.suppress(FileNotFoundError):
                if b"router" in command.read().split(b"\0"):
                    return pid
        raise AssertionError("no router runs")

    def run_folder(self) -> Path:
        """The folder of its sockets, which it keeps locked."""
        opened = [os.readlink(link) for link in Path(f"/proc/{self.process.pid}/fd").iterdir()]
        return next(Path(path).parent for path in opened if path.endswith("/lock"))

    def idle(self) -> bool:
        """Whether no worker has a job."""
        return all(row["running"] == row["queued"] == 0 for row in self.workers())

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The JSON answer to a POST that must succeed."""
        parsed: dict[str, Any] = self.api.ask("POST", path, body)
        return parsed

    def stream(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The chunks of a streamed answer, which must end as it should."""
        for event in self.api.stream(path, body, resumable=False):
            yield event.json

    def stop(self) -> int:
        """End it as Ctrl-C does; returns its exit code. Kills what does not end."""
        self.api.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        finally:
            self._log.close()
            self._state.cleanup()


@contextlib.contextmanager
def running(*arguments: str, module: str = "router.cli") -> Iterator[RunningServer]:
    """A ready server for the time of a ``with`` block."""
    server = RunningServer(*arguments, module=module)
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()
