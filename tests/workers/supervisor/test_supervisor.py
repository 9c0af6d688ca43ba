"""The supervisor with real processes: stand-ins that start, serve, crash, hang and exit."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from shared.interpreter import child_environment
from shared.wire.supervision import WorkerState
from tests.support.workers.stand_ins import server as stand_in_server
from tests.support.workers.stand_ins.server import StandInLaunch
from tests.support.workers.supervised import TIMEOUT_S, lives, pids, ready_with_router, running, until, wait_until
from workers.supervisor.replicas.limits import WorkerLimits
from workers.supervisor.replicas.restarts import RestartPolicy


def start_server(folder: Path, router: str, *workers: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, stand_in_server.__file__, str(folder), router, *workers]
    return subprocess.Popen(arguments, env=child_environment(), stderr=subprocess.PIPE, text=True)


def start_in_session(folder: Path, with_terminal: bool) -> subprocess.Popen[str]:
    """A server in a session of its own, which has a terminal or none."""
    arguments = [sys.executable, stand_in_server.__file__, str(folder), "serve", "serve"]
    _, terminal = os.openpty()
    return subprocess.Popen(
        arguments,
        env=child_environment(),
        stdin=terminal,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=(lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) if with_terminal else None,
    )


@pytest.fixture
def server(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts servers in their own processes and kills them at the test's end."""
    started: list[subprocess.Popen[str]] = []

    def start(router: str, *workers: str) -> subprocess.Popen[str]:
        started.append(start_server(folder, router, *workers))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for_line(process: subprocess.Popen[str], text: str) -> str:
    """Read the server's stderr until a line has ``text``."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return line
    raise AssertionError(f"the server ended without {text!r}")


class TestWorkers:
    def test_a_worker_that_is_killed_is_replaced_while_the_router_lives_on(self, folder: Path) -> None:
        async def story() -> None:
            async with running(StandInLaunch(folder, "serve", {"m": "serve"})) as supervisor:
                await ready_with_router(supervisor, folder)
                replica, router = supervisor.replicas[0], supervisor.router.pid
                first_id = replica.status().worker_id
                os.kill(pids(folder, "worker")[-1], signal.SIGKILL)
                await until(lambda: replica.status().restarts == 1, "a restart")
                await until(lambda: replica.state is WorkerState.READY, "a new worker")
                assert replica.status().worker_id != first_id
                assert "SIGKILL" in replica.detail
                assert supervisor.router.pid == router

        asyncio.run(story())

    @pytest.mark.parametrize(("behaviour", "reason"), [("silent", "no heartbeat for"), ("busy", "one step took")])
    def test_a_worker_that_hangs_is_replaced(self, folder: Path, behaviour: str, reason: str) -> None:
        async def story() -> None:
            async with running(StandInLaunch(folder, "serve", {"m": behaviour})) as supervisor:
                replica = supervisor.replicas[0]
                await until(lambda: replica.status().restarts, "a replacement")
                assert reason in replica.detail

        asyncio.run(story())

    def test_five_failed_starts_fail_the_worker_with_its_last_lines_and_the_other_model_serves(
        self, folder: Path
    ) -> None:
        async def story() -> None:
            launch = StandInLaunch(folder, "serve", {"bad": "exit:9", "good": "serve"})
            async with running(launch) as supervisor:
                bad, good = supervisor.replicas
                await until(lambda: bad.state is WorkerState.FAILED, "failed")
                assert bad.status().restarts == 4
                assert "given up after 5 failed starts" in bad.detail
                assert "exited with code 9" in bad.detail
                await until(lambda: good.state is WorkerState.READY, "the other is ready")

        asyncio.run(story())

    @pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE])
    def test_a_native_crash_at_the_first_load_is_not_tried_again(self, folder: Path, number: signal.Signals) -> None:
        async def story() -> None:
            launch = StandInLaunch(folder, "serve", {"bad": f"signal:{int(number)}", "good": "serve"})
            async with running(launch) as supervisor:
                bad = supervisor.replicas[0]
                await until(lambda: bad.state is WorkerState.FAILED, "failed")
                assert bad.status().restarts == 0
                assert bad.detail == (
                    f"killed by {number.name}: the model file is probably damaged, "
                    "or of a format that the engine does not support"
                )

        asyncio.run(story())

    def test_a_worker_that_ends_to_stop_a_cancelled_request_is_replaced_without_a_delay(self, folder: Path) -> None:
        async def story() -> None:
            patient = WorkerLimits(restarts=lambda: RestartPolicy(first_delay_s=3600.0, max_delay_s=3600.0))
            async with running(StandInLaunch(folder, "serve", {"m": "asks-to-be-replaced"}), patient) as supervisor:
                replica = supervisor.replicas[0]
                await until(lambda: replica.status().restarts >= 2, "restarts")
                assert replica.detail == "exited to stop a cancelled request"

        asyncio.run(story())

    def test_a_worker_that_crashes_once_ready_is_not_given_up(self, folder: Path) -> None:
        async def story() -> None:
            async with running(StandInLaunch(folder, "serve", {"m": "dies-when-ready"})) as supervisor:
                await until(lambda: supervisor.replicas[0].status().restarts >= 2, "restarts")
                assert supervisor.replicas[0].state is not WorkerState.FAILED

        asyncio.run(story())

    def test_a_model_that_cannot_be_loaded_after_a_crash_is_tried_again(self, folder: Path) -> None:
        async def story() -> None:
            launch = StandInLaunch(folder, "serve", {"m": "serve"})
            async with running(launch) as supervisor:
                await ready_with_router(supervisor, folder)
                replica = supervisor.replicas[0]
                launch.workers["m"] = "cannot-load"
                os.kill(pids(folder, "worker")[-1], signal.SIGKILL)
                await until(lambda: replica.detail == "the model cannot be loaded", "a failed load")
                launch.workers["m"] = "serve"
                await until(lambda: replica.state is WorkerState.READY, "ready again")

        asyncio.run(story())


class TestRouter:
    def test_a_router_that_is_killed_is_replaced_and_workers_keep_running(self, folder: Path) -> None:
        async def story() -> None:
            async with running(StandInLaunch(folder, "serve", {"m": "serve"})) as supervisor:
                await ready_with_router(supervisor, folder)
                workers = pids(folder, "worker")
                os.kill(supervisor.router.pid or 0, signal.SIGKILL)
                await until(lambda: len(pids(folder, "router")) == 2, "a second router")
                assert pids(folder, "worker") == workers
                assert supervisor.replicas[0].state is WorkerState.READY

        asyncio.run(story())

    def test_a_router_that_stops_answering_is_replaced(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("workers.supervisor.router_keeper.SILENCE_S", 1.2)

        async def story() -> None:
            async with running(StandInLaunch(folder, "answers", {"m": "serve"})) as supervisor:
                await ready_with_router(supervisor, folder)
                await until(lambda: supervisor.router.answers, "an answer")
                hung = supervisor.router.pid or 0
                os.kill(hung, signal.SIGSTOP)
                await until(lambda: len(pids(folder, "router")) == 2, "a second router")
                assert not lives(hung)
                assert supervisor.router.detail.startswith("no answer for ")
                await until(lambda: supervisor.router.answers, "an answer of the second router")
                assert supervisor.router.pid != hung

        asyncio.run(story())

    def test_a_reload_replaces_the_router_and_counts_as_no_death(self, folder: Path) -> None:
        def has_started(number: int) -> bool:
            return len(pids(folder, "router")) == number

        async def story() -> None:
            async with running(StandInLaunch(folder, "serve", {"m": "serve"})) as supervisor:
                await ready_with_router(supervisor, folder)
                for number in range(2, 8):
                    await supervisor.router.restart()
                    await until(partial(has_started, number), "another router")
                assert supervisor.router.detail == ""

        asyncio.run(story())

    def test_a_router_that_keeps_dying_ends_the_server(self, server: Callable[..., subprocess.Popen[str]]) -> None:
        process = server("crash", "serve")
        _, said = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 1
        assert "nexa: the router keeps dying: exited with code 1" in said
        assert said.rstrip().endswith("cannot import something")


class TestEnd:
    def test_a_model_that_cannot_be_loaded_ends_the_server_with_its_reason(
        self, folder: Path, server: Callable[..., subprocess.Popen[str]]
    ) -> None:
        process = server("serve", "cannot-load")
        _, said = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 1
        assert said.endswith("nexa: m0/0: the model cannot be loaded; its log line above says why\n")
        assert said.count("no such tensor") == 1
        assert len(pids(folder, "worker")) == 1
        assert not any(lives(pid) for pid in pids(folder, "router"))

    def test_sigterm_drains_the_router_before_the_workers(
        self, folder: Path, server: Callable[..., subprocess.Popen[str]]
    ) -> None:
        process = server("serve", "serve")
        wait_for_line(process, "Serving")
        wait_until(lambda: pids(folder, "router"), "a router")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0
        assert (folder / "story").read_text().splitlines() == ["router drained", "m0/0 drained"]

    @pytest.mark.parametrize("with_terminal", [True, False])
    def test_a_hang_up_ends_a_server_of_a_terminal_and_no_other(self, folder: Path, with_terminal: bool) -> None:
        process = start_in_session(folder, with_terminal)
        try:
            wait_for_line(process, "Serving")
            process.send_signal(signal.SIGHUP)
            wait_for_line(process, "draining" if with_terminal else "SIGHUP ignored")
            if not with_terminal:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=TIMEOUT_S)
            assert process.returncode == 0
        finally:
            process.kill()
            process.communicate()

    def test_a_second_signal_ends_all_at_once(self, folder: Path, server: Callable[..., subprocess.Popen[str]]) -> None:
        process = server("serve", "stubborn")
        wait_for_line(process, "Serving")
        process.send_signal(signal.SIGINT)
        wait_for_line(process, "draining")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 128 + signal.SIGINT
        assert not any(lives(pid) for pid in pids(folder, "worker") + pids(folder, "router"))

    def test_no_child_outlives_a_supervisor_that_is_killed(
        self, folder: Path, server: Callable[..., subprocess.Popen[str]]
    ) -> None:
        process = server("serve", "serve", "stubborn")
        wait_for_line(process, "Serving")
        wait_until(lambda: pids(folder, "router"), "a router")
        children = pids(folder, "worker") + pids(folder, "router")
        assert len(children) == 3
        process.kill()
        wait_until(lambda: not any(lives(pid) for pid in children), "the children's end")

    def test_the_address_is_announced_with_a_command_that_reaches_the_listening_socket(
        self, server: Callable[..., subprocess.Popen[str]]
    ) -> None:
        process = server("serve", "serve")
        address = wait_for_line(process, "Serving").split("http://")[1].split()[0]
        host, port = address.split(":")
        socket.create_connection((host, int(port)), timeout=TIMEOUT_S).close()
        assert address in wait_for_line(process, "curl")
