"""Rendering and compiling in processes of their own, within limits."""

from __future__ import annotations

import errno
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import psutil
import pytest

from shared.wire.jobs import Constraint, ConstraintKind, ToolChoice
from shared.wire.payloads import JobError
from workers.engine import EngineLoadError
from workers.llama.constraints.compiler import GrammarCompiler
from workers.llama.grammars import GrammarStore
from workers.llama.lanes import NeedsTime
from workers.llama.sandbox import limits
from workers.llama.sandbox import process as child_process
from workers.llama.sandbox.attempt import Cancelled, Limits, PreparationAttempt
from workers.llama.sandbox.limits import BACKGROUND_NICENESS, wall_s
from workers.llama.sandbox.messages import Compile, Render, Setup, send
from workers.llama.sandbox.nursery import Nursery
from workers.llama.sandbox.nursery_commands import COMMAND, CommandCode
from workers.llama.sandbox.sandbox import Limit, LimitExceeded, Sandbox
from workers.llama.sandbox.workbench import Workbench

LIMITS = Limits(cpu_s=10.0, memory_bytes=256_000_000)
LITTLE_TIME = Limits(cpu_s=0.1, memory_bytes=256_000_000)

TEMPLATE = """{%- for message in messages -%}{{ message.content * (copies | default(1)) }}{%- endfor -%}
{%- for i in range(loops | default(0)) -%}{%- for j in range(99999) -%}{%- endfor -%}{%- endfor -%}"""

PATTERNS = {"type": "string", "allOf": [{"pattern": f"(a|b){{{n}}}c"} for n in range(30)]}
TOOL = {"type": "function", "function": {"name": "see", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(scope="module")
def sandbox(model_path: Path) -> Iterator[Sandbox]:
    opened = Sandbox(str(model_path))
    opened.open(TEMPLATE, PreparationAttempt(LIMITS))
    yield opened
    opened.close()


@pytest.fixture
def store(sandbox: Sandbox, compiler: GrammarCompiler) -> GrammarStore:
    return GrammarStore(sandbox, compiler)


def chat(**options: Any) -> Render:
    return Render([{"role": "user", "content": "hi"}], [], options)


def schema(value: Any) -> Compile:
    return Compile(Constraint(ConstraintKind.JSON_SCHEMA, value))


def nursery_of(sandbox: Sandbox) -> psutil.Process:
    return psutil.Process(sandbox._process.pid)


def niceness_of_threads(nursery: psutil.Process) -> set[int]:
    found: set[int] = set()
    for process in nursery.children():
        with suppress(psutil.NoSuchProcess, ProcessLookupError):  # it has just ended
            found |= {os.getpriority(os.PRIO_PROCESS, thread.id) for thread in process.threads()}
    return found


def busy_children(nursery: psutil.Process) -> list[int]:
    found: list[int] = []
    for process in nursery.children():
        with suppress(psutil.NoSuchProcess):
            if process.cpu_percent(0.01) > 0:
                found.append(process.pid)
    return found


def test_a_chat_is_rendered(sandbox: Sandbox) -> None:
    assert sandbox.render(chat(), PreparationAttempt(LIMITS)) == ["hi"]


@pytest.mark.parametrize(
    ("task", "limits", "limit"),
    [
        (chat(loops=99999), LITTLE_TIME, Limit.TIME),
        (chat(copies=10**9), LIMITS, Limit.MEMORY),
    ],
    ids=["time", "memory"],
)
def test_a_template_beyond_a_limit_ends_alone(sandbox: Sandbox, task: Render, limits: Limits, limit: Limit) -> None:
    with pytest.raises(LimitExceeded) as exceeded:
        sandbox.render(task, PreparationAttempt(limits))
    assert exceeded.value.limit is limit
    assert sandbox.render(chat(), PreparationAttempt(LIMITS)) == ["hi"]


@pytest.mark.parametrize(
    ("number", "limit"),
    [(signal.SIGSEGV, Limit.CRASH), (signal.SIGALRM, Limit.WAITING)],
    ids=["crash", "too long a wait"],
)
def test_a_task_whose_process_ends_costs_only_its_own_request(sandbox: Sandbox, number: int, limit: Limit) -> None:
    errors: list[LimitExceeded] = []

    def render() -> None:
        try:
            sandbox.render(chat(loops=99999), PreparationAttempt(LIMITS))
        except LimitExceeded as error:
            errors.append(error)

    thread = threading.Thread(target=render)
    thread.start()
    while not (busy := busy_children(nursery_of(sandbox))):
        assert thread.is_alive()
    os.kill(busy[0], number)
    thread.join()
    assert [error.limit for error in errors] == [limit]
    assert sandbox.render(chat(), PreparationAttempt(LIMITS)) == ["hi"]


def test_a_task_in_the_background_leaves_the_cores_to_others(sandbox: Sandbox) -> None:
    assert sandbox.render(chat(), PreparationAttempt(LIMITS, in_background=True)) == ["hi"]
    assert sandbox.render(chat(), PreparationAttempt(LIMITS)) == ["hi"]
    errors: list[Cancelled] = []
    attempt = PreparationAttempt(LIMITS, in_background=True)

    def render() -> None:
        try:
            sandbox.render(chat(loops=99999), attempt)
        except Cancelled as error:
            errors.append(error)

    thread = threading.Thread(target=render)
    thread.start()
    while BACKGROUND_NICENESS not in niceness_of_threads(nursery_of(sandbox)) and thread.is_alive():
        pass
    attempt.cancel()
    thread.join()
    assert len(errors) == 1


def test_a_task_in_the_background_gets_its_cpu_time_also_beside_decoding_on_all_cores() -> None:
    weights = {0: 1024, 10: 110, 15: 36}  # sched_prio_to_weight of kernel/sched/core.c
    share = weights[BACKGROUND_NICENESS] / (weights[0] + weights[BACKGROUND_NICENESS])
    assert share * wall_s(LIMITS.cpu_s, in_background=True) > LIMITS.cpu_s


def test_a_cancelled_task_is_killed(sandbox: Sandbox) -> None:
    attempt = PreparationAttempt(LIMITS)
    timer = threading.Timer(0.05, attempt.cancel)
    timer.start()
    with pytest.raises(Cancelled):
        sandbox.render(chat(loops=99999), attempt)
    with pytest.raises(Cancelled):
        sandbox.render(chat(), attempt)


def test_a_nursery_that_ends_is_replaced(sandbox: Sandbox) -> None:
    sandbox.compile(Compile(None, [TOOL], ToolChoice.REQUIRED), PreparationAttempt(LIMITS))
    process = nursery_of(sandbox)
    process.kill()
    process.wait()
    assert sandbox.compile(Compile(None, [TOOL], ToolChoice.REQUIRED), PreparationAttempt(LIMITS)).closing
    assert sandbox.render(chat(), PreparationAttempt(LIMITS)) == ["hi"]


def test_a_nursery_that_ends_again_is_a_503_and_replaced_by_the_next_request(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_template = Sandbox._hand_template

    def hand_and_end(self: Sandbox) -> None:
        hand_template(self)
        self._process.kill()
        self._process.wait()

    sandbox._process.kill()
    sandbox._process.wait()
    with monkeypatch.context() as patched:
        patched.setattr(Sandbox, "_hand_template", hand_and_end)
        with pytest.raises(JobError, match=r"^the processes that prepare requests have ended; try again") as refused:
            sandbox.render(chat(), PreparationAttempt(LIMITS, in_background=True))
    assert refused.value.failed.status == 503
    assert sandbox.render(chat(), PreparationAttempt(LIMITS)) == ["hi"]


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
    assert sandbox.render(chat(), PreparationAttempt(LIMITS)) == ["hi"]


def test_a_task_is_done_again_if_its_nursery_ends(sandbox: Sandbox) -> None:
    sandbox.render(chat(), PreparationAttempt(LIMITS))
    found: list[list[str]] = []
    thread = threading.Thread(target=lambda: found.append(sandbox.render(chat(loops=40), PreparationAttempt(LIMITS))))
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
    assert sandbox.render(chat(), PreparationAttempt(LIMITS)) == ["hi"]


def test_a_signal_to_all_processes_of_a_service_ends_no_preparation(sandbox: Sandbox) -> None:
    sandbox.render(chat(), PreparationAttempt(LIMITS))
    nursery = nursery_of(sandbox)
    for process in [nursery, *nursery.children()]:
        process.terminate()
    assert sandbox.render(chat(), PreparationAttempt(LIMITS, in_background=True)) == ["hi"]
    assert sandbox.render(chat(), PreparationAttempt(LIMITS)) == ["hi"]
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


def test_a_task_whose_process_is_killed_from_outside_is_done_again(sandbox: Sandbox) -> None:
    found: list[list[str]] = []
    thread = threading.Thread(target=lambda: found.append(sandbox.render(chat(loops=40), PreparationAttempt(LIMITS))))
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
        assert sandbox.compile(Compile(None, [TOOL], ToolChoice.REQUIRED), attempt).closing
    assert sandbox.render(chat(), attempt) == ["hi"]
    assert not nursery.is_running()


def test_cancelling_does_not_wait_for_a_nursery_that_starts(sandbox: Sandbox) -> None:
    attempt = PreparationAttempt(LIMITS)
    ended = threading.Event()

    def render() -> None:
        with pytest.raises(Cancelled):
            sandbox.render(chat(loops=99999), attempt)
        ended.set()

    thread = threading.Thread(target=render, daemon=True)
    thread.start()
    while attempt._kill is None:
        pass
    with sandbox._lock:
        threading.Thread(target=attempt.cancel, daemon=True).start()
        assert ended.wait(5)
    thread.join()


def test_a_template_that_is_wrong_is_refused_when_it_is_loaded(model_path: Path) -> None:
    opened = Sandbox(str(model_path))
    with pytest.raises(EngineLoadError, match=r"^chat template: not valid Jinja: .*; --chat-template sets"):
        opened.open("{% if %}", PreparationAttempt(LIMITS))
    opened.close()


def test_a_grammar_is_compiled_once(store: GrammarStore) -> None:
    first = store.constraint(schema({"type": "integer"}), PreparationAttempt(LIMITS))
    again = store.constraint(schema({"type": "integer"}), PreparationAttempt(Limits(0.0, 0)))
    assert again.grammar is first.grammar
    assert first.grammar.closing is not None
    assert first.grammar.memory_bytes > 0


def test_a_wrong_schema_is_refused_with_its_reason_each_time(store: GrammarStore) -> None:
    for _ in range(2):
        with pytest.raises(JobError, match="poem") as refused:
            store.constraint(schema({"type": "poem"}), PreparationAttempt(LIMITS))
        assert (refused.value.failed.status, refused.value.failed.param) == (400, "response_format")


def test_a_schema_beyond_a_limit_is_a_400_that_names_it(store: GrammarStore) -> None:
    expected = r"^response_format: expected at most 0.1 s of CPU time to compile it \(--compile-time-s\), got more$"
    with pytest.raises(JobError, match=expected) as refused:
        store.constraint(schema(PATTERNS), PreparationAttempt(LITTLE_TIME))
    assert refused.value.failed.status == 400
    less = {**PATTERNS, "maxLength": 90}
    expected = r"^response_format: expected at most 1M of memory to compile it \(--compile-memory-bytes\), got more$"
    with pytest.raises(JobError, match=expected):
        store.constraint(schema(less), PreparationAttempt(Limits(10.0, 1_000_000)))


def test_a_kept_refusal_does_not_keep_the_request(store: GrammarStore) -> None:
    class Request:
        pass

    def refuse() -> weakref.ref[Request]:
        request = Request()
        with pytest.raises(JobError):
            store.constraint(schema({"type": "poem"}), PreparationAttempt(LIMITS))
        return weakref.ref(request)

    requests = [refuse(), refuse()]
    gc.collect()
    assert [request() for request in requests] == [None, None]


def test_a_busy_machine_is_a_503_that_is_not_kept(compiler: GrammarCompiler) -> None:
    sandbox = Mock(spec=Sandbox)
    sandbox.compile.side_effect = LimitExceeded(Limit.WAITING)
    store = GrammarStore(sandbox, compiler)
    for _ in range(2):
        with pytest.raises(JobError, match=r"^response_format: the machine is too busy to compile it; try") as refused:
            store.constraint(schema({"type": "integer"}), PreparationAttempt(LIMITS))
        assert refused.value.failed.status == 503
    assert sandbox.compile.call_count == 2


def test_grammars_in_use_have_a_limit_also_if_they_are_kept(
    store: GrammarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_use = store.constraint(schema({"type": "integer"}), PreparationAttempt(LIMITS))
    monkeypatch.setattr("workers.llama.grammars.LIVE_PER_LIMIT", 0)
    for _ in range(2):
        with pytest.raises(JobError, match=r"^grammars in use: expected at most") as refused:
            store.constraint(schema({"type": "boolean"}), PreparationAttempt(LIMITS))
        assert refused.value.failed.status == 503
    again = store.constraint(schema({"type": "integer"}), PreparationAttempt(LIMITS))
    assert again.grammar is in_use.grammar


def test_a_quick_attempt_is_not_the_last_one(store: GrammarStore) -> None:
    with pytest.raises(NeedsTime):
        store.constraint(schema(PATTERNS), PreparationAttempt(LITTLE_TIME, is_quick=True))


def test_a_nursery_whose_worker_has_ended_ends_without_a_word(model_path: Path) -> None:
    own, other = socket.socketpair()
    other.set_inheritable(True)
    command = [sys.executable, "-m", "workers.llama.sandbox", str(other.fileno())]
    process = subprocess.Popen(command, pass_fds=[other.fileno()], stderr=subprocess.PIPE, text=True)
    other.close()
    send(own, Setup(str(model_path)))
    own.close()
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0
