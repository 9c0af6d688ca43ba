"""A command on a terminal of its own, as a person would use it."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
import time
from types import TracebackType

TIMEOUT_S = 60.0
_TAKE_TERMINAL = """\
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGINT, signal.SIG_DFL)  # it is ignored in what a shell runs in the background
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "router.cli", *sys.argv[1:]])
"""


class TerminalCommand:
    """``nexa`` with some words on a pseudo-terminal of 80 columns."""

    def __init__(self, *words: str, **environment: str) -> None:
        self._fd, own = pty.openpty()
        self._unseen = ""
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *words],
            stdin=own,
            stdout=own,
            stderr=own,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm", "INPUTRC": "/dev/null", "COLUMNS": "80", **environment},
        )
        os.close(own)

    def see(self, text: str) -> str:
        """Wait until it shows ``text``; returns what it has shown since the last call, up to that."""
        deadline_s = time.monotonic() + TIMEOUT_S
        while text not in self._unseen:
            ready, _, _ = select.select([self._fd], [], [], max(0.0, deadline_s - time.monotonic()))
            piece = self._read() if ready else ""
            assert piece, f"not shown: {text!r}; at its end it showed: {self._unseen[-1000:]!r}"
            self._unseen += piece
        end = self._unseen.index(text) + len(text)
        shown, self._unseen = self._unseen[:end], self._unseen[end:]
        return shown

    def press(self, keys: str) -> None:
        """Press keys; ``\\x03`` is Ctrl-C, ``\\x04`` is Ctrl-D."""
        with contextlib.suppress(OSError):  # nobody has the terminal open any more
            os.write(self._fd, keys.encode())

    def ended(self, keys: str = "") -> int:
        """Wait for its end; returns its exit code.

        ``keys`` are pressed, and once more if nothing comes of it: a line editor may miss a Ctrl-C while it prepares
        the terminal.
        """
        deadline_s = time.monotonic() + TIMEOUT_S
        self.press(keys)
        while time.monotonic() < deadline_s:
            ready, _, _ = select.select([self._fd], [], [], 10.0)
            if not ready:
                self.press(keys)
            elif not self._read():
                break
        return self._process.wait(TIMEOUT_S)

    def _read(self) -> str:
        with contextlib.suppress(OSError):  # nobody has the terminal open any more
            return os.read(self._fd, 65536).decode("utf-8", "replace")
        return ""

    def __enter__(self) -> TerminalCommand:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._fd)
