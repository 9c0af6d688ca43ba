"""Signals that must not end a server: by default each of these would."""

from __future__ import annotations

import os
import signal

IGNORED = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTTOU)
"""The last stops a process in the background that writes to its terminal, if ``stty tostop`` is set."""


def has_terminal() -> bool:
    """Whether this process belongs to a terminal, whose end sends it SIGHUP."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def ignore_stray_signals() -> None:
    """Ignore signals that nothing here has a use for, in this process and the processes that it starts."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
