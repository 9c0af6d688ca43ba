"""Processes of the sandbox that are killed, stopped, or cannot be made."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from unittest.mock import Mock

import psutil
import pytest

from shared.wire.payloads import JobError
from tests.support.workers.sandbox_tasks import CALL, LIMITS, busy_children, chat, nursery_of
from workers.forking import COMMAND
from workers.framing import send
from workers.llama.engine import VOCABULARY
from workers.text.sandbox import limits
from workers.text.sandbox import process as child_process
from workers.text.sandbox.attempt import Limits, PreparationAttempt
from workers.text.sandbox.messages import Setup
from workers.text.sandbox.nursery import Nursery
from workers.text.sandbox.nursery_commands import CommandCode
from workers.text.sandbox.sandbox import Sandbox
from workers.text.sandbox.workbench import Workbench


def test_a_nursery_that_ends_is_replaced(sandbox: Sandbox) -> None:
    sandbox.compile(CALL, PreparationAttempt(LIMITS))
    process = nursery_of(sandbox)
    process.kill()
    process.wait()
    assert sandbox.compile(CALL, PreparationAttempt(LIMITS)).closing
    assert sandbox.render(chat(), PreparationAttempt(LIMITS)).pieces == ["hi"]


def test_a_nursery_that_ends_again_is_a_503_and_replaced_by_the_next_request(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await_ready = Sandbox._await_ready

    def start_and_end(self: Sandbox) -> None:
        await_ready(self)
        self._process.kill()
        self._process.wait()

    sandbox._process.kill()
    sandbox._process.wait()
    with monkeypatch.context() as patched:
        patched.setattr(Sandbox, "_await_ready", start_and_end)
        with pytest.raises(JobError, match=r"^the processes that prepare requests have ended; try again") as refused:
            sandbox.render(chat(), PreparationAttempt(LIMITS, in_background=True))
    assert refused.value.failed.status == 503
    assert sandbox.render(chat(), PreparationAttempt(LIMITS)).pieces == ["hi"]


def test_a_nursery_that_cannot_be_started_is_a_503_and_started_by_a_later_request(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox._process.kill()
    sandbox._process.wait()
    with monkeypatch.context() as patched:
        patched.setattr(Sandbox, "_start", Mock(side_effect=OSError(errno.EMFILE, "Too many open files")))
        for _ in range(2):
            with pytest.raises(JobError) as refused:
                sandbox.render(chat(), PreparationAttempt(LIMITS, in_background=True))
            assert refused.value.failed.status == 503
    assert sandbox.render(chat(), PreparationAttempt(LIMITS)).pieces == ["hi"]


def test_a_task_is_done_again_if_its_nursery_ends(sandbox: Sandbox) -> None:
    sandbox.render(chat(), PreparationAttempt(LIMITS))
    found: list[list[str]] = []
    thread = threading.Thread(
        target=lambda: found.append(sandbox.render(chat(loops=40), PreparationAttempt(LIMITS)).pieces)
    )
    thread.start()
    while not busy_children(nursery_of(sandbox)):
        assert thread.is_alive()
    nursery_of(sandbox).kill()
    thread.join()
    assert found == [["hi"]]


def test_no_chat_is_blamed_for_the_end_of_an_idle_process(sandbox: Sandbox) -> None:
    sandbox.render(chat(), PreparationAttempt(LIMITS))
    for process in nursery_of(sandbox).children():
        process.kill()
    while not all(child.has_ended() for child in sandbox._idle):
        pass
    assert sandbox.render(chat(), PreparationAttempt(LIMITS)).pieces == ["hi"]


def test_a_signal_to_all_processes_of_a_service_ends_no_preparation(sandbox: Sandbox) -> None:
    sandbox.render(chat(), PreparationAttempt(LIMITS))
    nursery = nursery_of(sandbox)
    for process in [nursery, *nursery.children()]:
        process.terminate()
    assert sandbox.render(chat(), PreparationAttempt(LIMITS, in_background=True)).pieces == ["hi"]
    assert sandbox.render(chat(), PreparationAttempt(LIMITS)).pieces == ["hi"]
    assert nursery_of(sandbox) == nursery


def test_a_process_that_cannot_be_made_ends_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    worker, control = socket.socketpair()
    ours, theirs = socket.socketpair()
    nursery = Nursery(control, Mock(spec=Workbench))
    with theirs:
        socket.send_fds(worker, [COMMAND.pack(CommandCode.FORK, 1)], [theirs.fileno()])
    assert nursery._take_command()
    assert ours.recv(1) == b""
    for connection in (worker, control, ours, nursery._woken, nursery._waker):
        connection.close()


def test_a_nursery_ends_quietly_with_a_worker_that_had_not_read_everything() -> None:
    worker, control = socket.socketpair()
    control.send(b"unread")
    worker.close()
    nursery = Nursery(control, Mock(spec=Workbench))
    assert not nursery._take_command()
    for connection in (control, nursery._woken, nursery._waker):
        connection.close()


def test_a_task_whose_process_is_killed_from_outside_is_done_again(sandbox: Sandbox) -> None:
    found: list[list[str]] = []
    thread = threading.Thread(
        target=lambda: found.append(sandbox.render(chat(loops=40), PreparationAttempt(LIMITS)).pieces)
    )
    thread.start()
    while not (busy := busy_children(nursery_of(sandbox))):
        assert thread.is_alive()
    os.kill(busy[0], signal.SIGKILL)
    thread.join()
    assert found == [["hi"]]


@pytest.mark.parametrize("whom", ["nursery", "process"])
def test_what_is_stopped_is_replaced(sandbox: Sandbox, whom: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MIN_WALL_S", 0.0)
    monkeypatch.setattr(child_process, "HANG_S", 0.1)
    sandbox.render(chat(), PreparationAttempt(LIMITS))
    nursery = nursery_of(sandbox)
    for stopped in [nursery] if whom == "nursery" else nursery.children():
        stopped.suspend()
        while stopped.status() != psutil.STATUS_STOPPED:
            pass
    attempt = PreparationAttempt(Limits(0.5, 256_000_000))
    if whom == "nursery":
        assert sandbox.compile(CALL, attempt).closing
    assert sandbox.render(chat(), attempt).pieces == ["hi"]
    assert not nursery.is_running()


def test_a_nursery_whose_worker_has_ended_ends_without_a_word(model_path: Path) -> None:
    own, other = socket.socketpair()
    other.set_inheritable(True)
    command = [sys.executable, "-m", "workers.text.sandbox", str(other.fileno())]
    process = subprocess.Popen(command, pass_fds=[other.fileno()], stderr=subprocess.PIPE, text=True)
    other.close()
    send(own, Setup(str(model_path), VOCABULARY))
    own.close()
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0
