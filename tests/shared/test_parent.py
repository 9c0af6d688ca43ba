from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from shared import parent
from shared.interpreter import child_environment
from shared.parent import PARENT_PID_VARIABLE

CHILD = "from shared.parent import die_with_parent; die_with_parent(); print('alive')"


def run_child(parent_pid: int) -> subprocess.CompletedProcess[str]:
    environment = child_environment() | {PARENT_PID_VARIABLE: str(parent_pid)}
    return subprocess.run([sys.executable, "-c", CHILD], env=environment, capture_output=True, text=True, timeout=30)


def test_a_process_whose_parent_lives_continues() -> None:
    assert run_child(os.getpid()).stdout == "alive\n"


def test_a_process_whose_parent_died_before_the_call_is_killed() -> None:
    finished = run_child(parent_pid=1 << 30)
    assert finished.returncode == -signal.SIGKILL
    assert finished.stdout == ""


def test_a_hang_up_does_not_end_a_process_whose_parent_lives() -> None:
    code = CHILD + "; import os, signal; os.kill(os.getpid(), signal.SIGHUP); print('still')"
    environment = child_environment() | {PARENT_PID_VARIABLE: str(os.getpid())}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=30)
    assert done.stdout == "alive\nstill\n"


def test_without_the_kernels_help_the_death_of_the_parent_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    killed = threading.Event()
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.set())
    monkeypatch.setattr(parent, "_POLL_INTERVAL_S", 0.01)
    parents = iter([7, 7, 1])
    monkeypatch.setattr(os, "getppid", lambda: next(parents))
    started_at_s = time.monotonic()
    parent._watch(7)
    assert killed.is_set()
    assert time.monotonic() - started_at_s >= 0.02
