"""Server processes: a free port, waiting until one answers, and stopping it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence

START_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 30.0


class NotReady(Exception):
    """A process ended before its server answered, or the server did not answer in time."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(url: str, processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Poll ``url`` until it answers 200, while all ``processes`` run.

    Raises:
        NotReady: one of them ended, or there was no answer within ``START_TIMEOUT_S``.
    """
    deadline_at_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_at_s:
        for process in processes:
            if process.poll() is not None:
                raise NotReady(f"exit code {process.returncode} from {process.args!r}")
        with contextlib.suppress(OSError, urllib.error.URLError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.05)
    raise NotReady(f"no answer from {url} within {START_TIMEOUT_S:.0f} s")


def stop(process: subprocess.Popen[bytes], signal_number: signal.Signals = signal.SIGINT) -> None:
    """Signal a process that leads its own session, and kill the session if it does not end."""
    process.send_signal(signal_number)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
