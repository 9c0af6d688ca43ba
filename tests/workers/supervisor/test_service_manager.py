"""What systemd is told of a server, over a socket as systemd opens it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.interpreter import child_environment
from tests.support.workers.stand_ins import server as stand_in_server
from tests.support.workers.stand_ins.server import StandInLaunch, build_supervisor
from tests.support.workers.supervised import until
from workers.supervisor.service_manager import ServiceManager


class SystemdEnd:
    """The socket that a service manager listens on."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))
        self._socket.settimeout(20.0)

    def next(self) -> dict[str, str]:
        """The next message: its assignments."""
        return dict(line.split("=", 1) for line in self._socket.recv(65536).decode().splitlines())

    def waiting(self) -> list[dict[str, str]]:
        """All messages that have arrived."""
        self._socket.setblocking(False)
        found = []
        try:
            while True:
                found.append(self.next())
        except BlockingIOError:
            self._socket.settimeout(20.0)
            return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(folder: Path) -> Iterator[SystemdEnd]:
    end = SystemdEnd(str(folder / "notify"))
    yield end
    end.close()


@pytest.fixture
def now_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test sets."""
    times = [100.0]
    monkeypatch.setattr("workers.supervisor.service_manager.time.monotonic", lambda: times[0])
    return times


def test_ready_is_said_once_and_a_status_when_it_changes(systemd: SystemdEnd) -> None:
    manager = ServiceManager(systemd.address)
    manager.report(False, True, "m/0 loading 10%")
    manager.report(False, True, "m/0 loading 10%")
    manager.report(True, True, "serving m/0\nat http://x")
    manager.report(True, True, "serving m/0 at http://x")
    manager.report(False, True, "m/0 exited")
    assert systemd.waiting() == [
        {"STATUS": "m/0 loading 10%"},
        {"STATUS": "serving m/0 at http://x", "READY": "1"},
        {"STATUS": "m/0 exited"},
    ]


def test_the_watchdog_is_fed_four_times_in_its_interval_while_the_server_lives(
    systemd: SystemdEnd, now_s: list[float]
) -> None:
    manager = ServiceManager(systemd.address, watchdog_s=40.0)
    fed = []
    for second, lives in [(0, True), (1, True), (9, True), (10, True), (20, False), (25, False), (26, True)]:
        now_s[0] = 100.0 + second
        manager.report(True, lives, "serving")
        fed.append({"WATCHDOG": "1"} in systemd.waiting())
    assert fed == [True, False, False, True, False, False, True]


def test_without_a_watchdog_none_is_fed(systemd: SystemdEnd) -> None:
    ServiceManager(systemd.address).report(True, True, "serving")
    assert systemd.waiting() == [{"STATUS": "serving", "READY": "1"}]


def test_what_could_not_be_sent_is_sent_later(folder: Path) -> None:
    manager = ServiceManager(str(folder / "late"))
    manager.report(True, True, "serving")
    end = SystemdEnd(str(folder / "late"))
    manager.report(True, True, "serving")
    assert end.waiting() == [{"STATUS": "serving", "READY": "1"}]
    end.close()


def test_an_abstract_socket_is_reached() -> None:
    end = SystemdEnd(f"@nexa-test-{os.getpid()}")
    ServiceManager(end.address).stopping("finishing running requests")
    assert end.waiting() == [{"STOPPING": "1", "STATUS": "finishing running requests"}]
    end.close()


@pytest.mark.parametrize(("pid", "is_fed"), [(os.getpid(), True), (1, False)], ids=["own", "another's"])
def test_the_environment_names_the_manager_and_is_not_handed_on(
    systemd: SystemdEnd, now_s: list[float], pid: int, is_fed: bool
) -> None:
    given = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "40000000", "WATCHDOG_PID": str(pid), "HOME": "/root"}
    manager = ServiceManager.of_environment(given)
    assert given == {"HOME": "/root"}
    manager.report(True, True, "serving")
    assert ({"WATCHDOG": "1"} in systemd.waiting()) is is_fed


@pytest.mark.parametrize("interval", ["9" * 5000, "-1", "1e6", "", " 5"])
def test_an_odd_interval_is_none(interval: str) -> None:
    assert ServiceManager.of_environment({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": interval})._ping_s == 0


@pytest.mark.parametrize("address", ["@", "/" + "a" * 200, "relative", "vsock:2:1", "\udcff"])
def test_an_address_at_which_nobody_listens_is_no_fault(address: str) -> None:
    ServiceManager(address, watchdog_s=1).report(ready=True, lives=True, status="serving")


def test_a_status_with_a_file_name_of_other_bytes_is_told(systemd: SystemdEnd) -> None:
    ServiceManager(systemd.address).report(ready=False, lives=True, status="serving \udcff/0")
    assert systemd.next() == {"STATUS": "serving \\udcff/0"}


def test_a_full_socket_is_not_waited_for(systemd: SystemdEnd) -> None:
    manager = ServiceManager(systemd.address)
    for number in range(2000):
        manager.report(ready=False, lives=True, status=f"{number} {'x' * 500}")
    systemd.waiting()
    manager.report(ready=False, lives=True, status="last")
    assert systemd.next() == {"STATUS": "last"}


def test_without_a_manager_nothing_is_sent_and_nothing_fails() -> None:
    manager = ServiceManager.of_environment({})
    manager.report(True, True, "serving")
    manager.stopping("bye")


def test_a_supervisor_is_ready_when_its_router_says_so_and_stops_at_its_end(folder: Path, systemd: SystemdEnd) -> None:
    async def story() -> list[dict[str, str]]:
        manager = ServiceManager(systemd.address, watchdog_s=0.004)
        supervisor = build_supervisor(StandInLaunch(folder, "answers", {"m": "serve"}), service_manager=manager)
        task = asyncio.create_task(supervisor.run())
        await until(lambda: supervisor.router.ready and supervisor.router.lives, "a router that says so")
        told: list[dict[str, str]] = []

        def is_ready() -> bool:
            told.extend(systemd.waiting())
            return any("READY" in message for message in told) and {"WATCHDOG": "1"} in told

        await until(is_ready, "READY and a sign of life")
        supervisor.stop()
        await task
        return told + systemd.waiting()

    told = [message for message in asyncio.run(story()) if message != {"WATCHDOG": "1"}]
    ready = next(number for number, message in enumerate(told) if "READY" in message)
    assert told[0] == {"STATUS": "m/0 spawning"}
    assert any(message.get("STATUS", "").startswith("m/0 loading") for message in told[:ready])
    assert [message for message in told if "READY" in message] == told[ready : ready + 1]
    assert told[-1] == {"STOPPING": "1", "STATUS": "finishing running requests"}


def test_a_stopped_supervisor_gives_no_sign_of_life(folder: Path, systemd: SystemdEnd) -> None:
    arguments = [sys.executable, stand_in_server.__file__, str(folder), "answers", "serve"]
    environment = {**child_environment(), "NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "4000"}
    process = subprocess.Popen(arguments, env=environment, stderr=subprocess.DEVNULL)
    try:
        while systemd.next() != {"WATCHDOG": "1"}:
            pass
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        systemd.waiting()
        assert systemd.waiting() == []
        process.send_signal(signal.SIGCONT)
        while systemd.next() != {"WATCHDOG": "1"}:
            pass
    finally:
        process.kill()
        process.wait()
