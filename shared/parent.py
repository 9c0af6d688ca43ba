"""No process of the server outlives the one that started it, however that one ended."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

PARENT_PID_VARIABLE = "NEXA_PARENT_PID"
"""Set by whoever starts a process: the pid that its parent must have."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_POLL_INTERVAL_S = 0.5


def die_with_parent() -> None:
    """End this process when its parent dies, by a signal that cannot be blocked.

    On Linux the kernel sends it (``prctl(2)``, ``PR_SET_PDEATHSIG``); elsewhere a thread watches the parent's pid.
    A parent that died before this call is noticed by :data:`PARENT_PID_VARIABLE`.
    """
    expected_pid = int(os.environ.get(PARENT_PID_VARIABLE) or os.getppid())
    if not _ask_kernel():
        threading.Thread(target=_watch, args=(expected_pid,), name="parent", daemon=True).start()
    if os.getppid() != expected_pid:
        os.kill(os.getpid(), signal.SIGKILL)


def _ask_kernel() -> bool:
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) == 0)


def _watch(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(_POLL_INTERVAL_S)
    os.kill(os.getpid(), signal.SIGKILL)
