"""The queue in front of the thread that prepares jobs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from workers.llama.preparing_queue import PreparingQueue

HEAVY, LIGHT, BATCH = ("heavy", 1.0), ("light", 1.0), ("batch", 0.1)


class Calls:
    """Calls that note their names, with a clock on which each takes its given time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.now_s = 0.0
        monkeypatch.setattr("workers.llama.preparing_queue.time.perf_counter", lambda: self.now_s)

    def of(self, name: str, took_s: float = 1.0) -> Callable[[], str]:
        def call() -> str:
            self.now_s += took_s
            self.done.append(name)
            return name

        return call


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    return Calls(monkeypatch)


@contextmanager
def held_queue() -> Iterator[tuple[PreparingQueue[str], Executor]]:
    """A queue whose thread begins when the block ends; all calls are done afterwards."""
    go = threading.Event()
    with ThreadPoolExecutor(max_workers=1) as executor:
        executor.submit(go.wait)
        yield PreparingQueue(executor), executor
        go.set()


def test_a_users_only_job_is_prepared_before_the_second_of_another_user(calls: Calls) -> None:
    with held_queue() as (queue, _):
        for number in range(4):
            queue.submit(HEAVY, calls.of(f"heavy {number}"))
        queue.submit(LIGHT, calls.of("light"))
    assert calls.done == ["heavy 0", "light", "heavy 1", "heavy 2", "heavy 3"]


def test_users_take_turns_by_the_time_that_their_jobs_took(calls: Calls) -> None:
    with held_queue() as (queue, _):
        for _ in range(3):
            queue.submit(HEAVY, calls.of("heavy", 3.0))
            queue.submit(LIGHT, calls.of("light", 1.0))
    assert calls.done == ["heavy", "light", "light", "light", "heavy", "heavy"]


def test_batch_jobs_get_less_of_the_time(calls: Calls) -> None:
    with held_queue() as (queue, _):
        for _ in range(3):
            queue.submit(BATCH, calls.of("batch"))
            queue.submit(LIGHT, calls.of("light"))
    assert calls.done == ["batch", "light", "light", "light", "batch", "batch"]


def test_a_cancelled_job_is_not_prepared(calls: Calls) -> None:
    with held_queue() as (queue, _):
        cancelled = queue.submit(HEAVY, calls.of("cancelled"))
        kept = queue.submit(HEAVY, calls.of("kept"))
        assert cancelled.cancel()
    assert (calls.done, kept.result()) == (["kept"], "kept")


def test_an_error_is_its_jobs_own(calls: Calls) -> None:
    def fail() -> str:
        raise ValueError("a schema")

    with held_queue() as (queue, _):
        failed: Future[str] = queue.submit(HEAVY, fail)
        after = queue.submit(HEAVY, calls.of("after"))
    assert isinstance(failed.exception(), ValueError)
    assert after.result() == "after"
