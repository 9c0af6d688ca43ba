"""Makes a child process die with its parent, whatever the parent died of."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

PARENT_PID_VARIABLE = "NEXA_PARENT_PID"
"""The expected pid of the parent, set by the process that starts a child."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_POLL_INTERVAL_S = 0.5


def die_with_parent() -> None:
    """Have this process killed (SIGKILL) when its parent dies.

    On Linux the kernel does it (``prctl(2)``, ``PR_SET_PDEATHSIG``); elsewhere a thread polls the parent's pid. If the
    parent died before this call, its pid differs from :data:`PARENT_PID_VARIABLE`. What SIGHUP means is the parent's
    decision, so it does not end this process.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    expected_pid = int(os.environ.get(PARENT_PID_VARIABLE) or os.getppid())
    if not _ask_kernel():
        threading.Thread(target=_watch, args=(expected_pid,), name="parent", daemon=True).start()
    if os.getppid() != expected_pid:
        os.kill(os.getpid(), signal.SIGKILL)


def started_by_supervisor() -> bool:
    """Whether this process has a pipe of its own as stdout and stderr, as all children of the supervisor have."""
    return PARENT_PID_VARIABLE in os.environ


def _ask_kernel() -> bool:
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) == 0)


def _watch(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(_POLL_INTERVAL_S)
    os.kill(os.getpid(), signal.SIGKILL)
