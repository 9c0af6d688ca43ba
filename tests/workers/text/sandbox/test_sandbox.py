"""Rendering and compiling in processes of their own, within limits."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.support.workers.sandbox_tasks import CALL, LIMITS, LITTLE_TIME, busy_children, chat, nursery_of
from workers.engine import EngineLoadError
from workers.llama.engine import VOCABULARY
from workers.text.sandbox.attempt import Cancelled, Limits, PreparationAttempt
from workers.text.sandbox.limits import BACKGROUND_NICENESS, wall_s
from workers.text.sandbox.messages import Compile, Render
from workers.text.sandbox.sandbox import Limit, LimitExceeded, Sandbox


def niceness_of_threads(nursery: psutil.Process) -> set[int]:
    found: set[int] = set()
    for process in nursery.children():
        with suppress(psutil.NoSuchProcess, ProcessLookupError):  # it has just ended
            found |= {os.getpriority(os.PRIO_PROCESS, thread.id) for thread in process.threads()}
    return found


def test_a_chat_is_rendered(sandbox: Sandbox) -> None:
    assert sandbox.render(chat(), PreparationAttempt(LIMITS)).pieces == ["hi"]


def test_what_grammars_need_is_made_for_the_first_grammar_not_for_chats(model_path: Path) -> None:
    own_sandbox = Sandbox(str(model_path), VOCABULARY)
    own_sandbox.open()
    own_sandbox.render(chat(), PreparationAttempt(LIMITS))
    assert own_sandbox._with_grammars is None
    assert own_sandbox.compile(CALL, PreparationAttempt(LIMITS)).closing
    assert own_sandbox._with_grammars is own_sandbox._control
    own_sandbox.close()


@pytest.mark.parametrize("task", [chat(), CALL], ids=["chat", "grammar"])
def test_the_first_task_waits_until_the_vocabulary_has_been_read(model_path: Path, task: Render | Compile) -> None:
    own_sandbox = Sandbox(str(model_path), VOCABULARY)
    assert not own_sandbox._is_open
    if isinstance(task, Render):
        assert own_sandbox.render(task, PreparationAttempt(LIMITS)).pieces == ["hi"]
    else:
        assert own_sandbox.compile(task, PreparationAttempt(LIMITS)).closing
    assert own_sandbox._is_open
    own_sandbox.close()


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
    assert sandbox.render(chat(), PreparationAttempt(LIMITS)).pieces == ["hi"]


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
    assert sandbox.render(chat(), PreparationAttempt(LIMITS)).pieces == ["hi"]


def test_a_task_in_the_background_leaves_the_cores_to_others(sandbox: Sandbox) -> None:
    assert sandbox.render(chat(), PreparationAttempt(LIMITS, in_background=True)).pieces == ["hi"]
    assert sandbox.render(chat(), PreparationAttempt(LIMITS)).pieces == ["hi"]
    errors: list[Cancelled] = []
    attempt = PreparationAttempt(LIMITS, in_background=True)

    def render() -> None:
        try:
            sandbox.render(chat(loops=99999), attempt)
        except Cancelled as error:
            errors.append(error)

    thread = threading.Thread(target=render)
    thread.start()
    lowered = min(os.getpriority(os.PRIO_PROCESS, 0) + BACKGROUND_NICENESS, 19)
    while lowered not in niceness_of_threads(nursery_of(sandbox)) and thread.is_alive():
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
    opened = Sandbox(str(model_path), VOCABULARY)
    opened.open()
    with pytest.raises(EngineLoadError, match=r"^chat template: not valid Jinja: .*; --chat-template sets"):
        opened.learn("{% if %}", PreparationAttempt(LIMITS))
    opened.close()
