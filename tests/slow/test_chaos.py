"""Short runs of the chaos tests: whatever happens to the processes, every client gets the right answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def test_no_client_is_wronged_while_everything_is_harmed() -> None:
    command = [sys.executable, "-m", "scripts.chaos", "--seconds", "16", "--interval", "0.8", "--seed", "5"]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=280)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for fault in (
        "kill -9 of a worker",
        "kill -9 of the router",
        "SIGSTOP of a worker",
        "bad JSON or wrong types",
        "request that kills its workers",
    ):
        assert fault in ended.stdout
    assert "violations: 0" in ended.stdout


@pytest.mark.timeout(600)
def test_no_request_is_lost_while_models_come_and_go_and_everything_is_harmed() -> None:
    command = [sys.executable, "-m", "scripts.chaos.swaps", "--seconds", "45", "--interval", "1", "--seed", "3"]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=540)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for fault in ("kill -9 of the supervisor", "a model's file vanishes", "memory.json is damaged"):
        assert fault in ended.stdout
    assert "violations: 0" in ended.stdout
