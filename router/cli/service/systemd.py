"""Orders to systemd, of the machine or of the user."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

POLL_INTERVAL_S = 0.3

IDENTIFIER = "nexa"
"""What marks the server's own lines in the journal."""

_SYSTEM_FOLDER = Path("/etc/systemd/system")
_RUNS = Path("/run/systemd/system")
"""Exists where systemd is the service manager: sd_booted(3)."""


class ServiceError(Exception):
    """systemd is missing or refused an order, or the service does not start. The message is one line."""


class Systemd:
    """The service manager of the machine (``is_system``), or that of the user."""

    def __init__(self, is_system: bool) -> None:
        self.is_system = is_system
        self._scope = [] if is_system else ["--user"]

    def unit_file(self, name: str) -> Path:
        """Where the unit of this name is."""
        home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
        folder = _SYSTEM_FOLDER if self.is_system else Path(home) / "systemd/user"
        return folder / f"{name}.service"

    def require(self) -> None:
        """Refuse a machine that systemd does not run.

        Raises:
            ServiceError: it does not.
        """
        if not _RUNS.is_dir() or shutil.which("systemctl") is None:
            raise ServiceError("systemd: expected a machine that it runs, got another; --dry-run prints the unit")

    def order(self, *words: str) -> str:
        """``systemctl`` with these words; returns what it prints.

        Raises:
            ServiceError: it failed.
        """
        done = subprocess.run(["systemctl", *self._scope, *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ServiceError(f"systemctl {words[0]}: {done.stderr.strip() or f'exit code {done.returncode}'}")
        return done.stdout

    def state(self, name: str) -> dict[str, str]:
        """The state of a unit: ``ActiveState``, ``SubState``, ``StatusText`` and ``NRestarts``."""
        names = ("ActiveState", "SubState", "StatusText", "NRestarts")
        shown = self.order("show", f"{name}.service", *(f"--property={one}" for one in names))
        return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)

    def last_lines(self, name: str, count: int) -> list[str]:
        """The last lines that the server itself wrote."""
        command = [*self.log_command(name), f"--identifier={IDENTIFIER}", f"--lines={count}", "--output=cat"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()

    def log_command(self, name: str) -> list[str]:
        """The command that prints a unit's log."""
        return ["journalctl", *(["--unit"] if self.is_system else ["--user-unit"]), f"{name}.service"]

    def status_command(self, name: str) -> list[str]:
        """The command that prints a unit's state."""
        return ["systemctl", *self._scope, "status", "--no-pager", f"{name}.service"]

    def wait_started(self, name: str, show: Callable[[str], None]) -> None:
        """Wait until a unit that was told to start is ready; ``show`` gets its status when that changes.

        Raises:
            ServiceError: it ended instead.
        """
        shown = ""
        while True:
            state = self.state(name)
            if state["StatusText"] != shown:
                shown = state["StatusText"]
                show(shown)
            if state["ActiveState"] == "active":
                return
            if state["ActiveState"] in ("failed", "inactive") or state["SubState"] == "auto-restart":
                said = " / ".join(self.last_lines(name, 3))
                raise ServiceError(f"{name}: expected a server that starts, got one that ended: {said}")
            time.sleep(POLL_INTERVAL_S)


def become(command: Sequence[str]) -> NoReturn:
    """Replace this process by a program that is found in ``PATH``.

    Raises:
        ServiceError: it is not installed.
    """
    try:
        os.execvp(command[0], list(command))
    except FileNotFoundError:
        raise ServiceError(f"{command[0]}: expected systemd's programs, got none") from None
