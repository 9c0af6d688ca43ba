"""What the service manager that started the server is told: systemd, by the protocol of sd_notify(3)."""

from __future__ import annotations

import logging
import os
import re
import socket
import time
from collections.abc import MutableMapping

_ADDRESS = "NOTIFY_SOCKET"
_INTERVAL = "WATCHDOG_USEC"
_WATCHED_PID = "WATCHDOG_PID"
_MICROSECONDS = re.compile("[0-9]{1,18}")
_PINGS_PER_INTERVAL = 4

log = logging.getLogger("nexa.supervisor")


class ServiceManager:
    """Tells a service manager how the server is. Without one, all calls do nothing.

    What could not be sent is sent with the next call, so calls repeat the whole state.

    Args:
        address: of its Unix datagram socket; an abstract one begins with ``@``. Empty without a service manager.
        watchdog_s: it ends a server that gives no sign of life for so long; 0 if it does not watch.
    """

    def __init__(self, address: str = "", watchdog_s: float = 0.0) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._ping_s = watchdog_s / _PINGS_PER_INTERVAL
        self._told: dict[str, str] = {}
        self._pinged_at_s = -float("inf")
        self._fault = ""

    @classmethod
    def of_environment(cls, environment: MutableMapping[str, str]) -> ServiceManager:
        """The service manager that the environment names. Its variables are removed: children must not speak for us."""
        address, interval, pid = (environment.pop(name, "") for name in (_ADDRESS, _INTERVAL, _WATCHED_PID))
        watches = _MICROSECONDS.fullmatch(interval) is not None and pid in ("", str(os.getpid()))
        return cls(address, int(interval) / 1e6 if watches else 0.0)

    def report(self, ready: bool, lives: bool, status: str) -> None:
        """Tell how the server is.

        Args:
            ready: whether ``GET /ready`` says so. Said once: a server that is not ready any more goes on.
            lives: whether router and supervisor do their work. If not, the watchdog's time runs on.
            status: one line for people.
        """
        state = {"STATUS": " ".join(status.split())}
        if ready:
            state["READY"] = "1"
        self._tell(state)
        now_s = time.monotonic()
        if lives and self._ping_s and now_s - self._pinged_at_s >= self._ping_s and self._send("WATCHDOG=1"):
            self._pinged_at_s = now_s

    def stopping(self, status: str) -> None:
        """Tell that the server ends now."""
        self._tell({"STOPPING": "1", "STATUS": status})

    def _tell(self, state: dict[str, str]) -> None:
        news = {name: value for name, value in state.items() if self._told.get(name) != value}
        if news and self._send("\n".join(f"{name}={value}" for name, value in news.items())):
            self._told |= news

    def _send(self, message: str) -> bool:
        """Send without waiting; returns whether that worked."""
        if not self._address:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto(message.encode(errors="backslashreplace"), self._address)
        except OSError as error:
            if self._fault != str(error):
                log.warning("service manager not told", extra={"reason": str(error)})
            self._fault = str(error)
            return False
        self._fault = ""
        return True
