"""Logs can be lost, the service cannot: a server whose stderr nobody reads answers on, and ends when it is told to."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.running_server import RunningServer, free_port, wait_until

REQUESTS = 60
"""Each has a line of some 200 bytes, so all of them are more than the pipe holds."""
PIPE_BYTES = 4096


def _status(url: str) -> int | None:
    try:
        return httpx.get(url).status_code
    except httpx.HTTPError:
        return None


def _stderr(fault: str) -> tuple[int, int]:
    """A stderr with that fault, and a descriptor that must stay open."""
    if fault == "full disk":
        return os.open("/dev/full", os.O_WRONLY), os.open(os.devnull, os.O_RDONLY)
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    if fault == "reader gone":
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, reading)
        os.close(nothing)
    return writing, reading


@pytest.mark.parametrize("fault", ["full disk", "reader gone", "reader stopped"])
def test_a_server_whose_logs_nobody_takes_answers_on_and_ends_on_sigterm(fault: str) -> None:
    port = free_port()
    writing, reading = _stderr(fault)
    command = [sys.executable, "-m", "router.cli", "server", "smollm2", "--port", str(port)]
    process = subprocess.Popen(command, stderr=writing, stdin=subprocess.DEVNULL, start_new_session=True)
    os.close(writing)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _status(f"{url}/ready") == 200, "the server is ready", 120)
        with httpx.Client(base_url=url) as client:
            assert {client.get("/v1/models").status_code for _ in range(REQUESTS)} == {200}
            metric = 'nexa_log_lines_dropped_total{process="supervisor"} 0.0'
            if fault != "reader stopped":  # there, all these lines still wait
                wait_until(lambda: metric not in client.get("/metrics").text, "lines are dropped")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        os.close(reading)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def test_requests_go_on_while_the_supervisor_takes_no_logs() -> None:
    """A stopped supervisor reads nothing of what router and workers write."""
    server = RunningServer("smollm2")
    try:
        server.wait_ready()
        server.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: "T (stopped)" in Path(f"/proc/{server.process.pid}/status").read_text(), "it has stopped")
        assert {server.status(f"/{'y' * 3000}") for _ in range(60)} == {404}
    finally:
        server.process.send_signal(signal.SIGCONT)
        server.stop()
