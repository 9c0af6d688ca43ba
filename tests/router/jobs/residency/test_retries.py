"""When a model whose load has failed is loaded again."""

from __future__ import annotations

import pytest

from router.jobs.residency import retries as module
from router.jobs.residency.retries import FIRST_WAIT_S, HEALTHY_S, MAX_WAIT_S, Retries
from shared.wire.supervision import WorkerState, WorkerStatus


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def status(run: int, state: WorkerState, starved: int = 0) -> WorkerStatus:
    return WorkerStatus("m/0", "m", f"m/0.{run}", state, 0, "", [], {}, run, starved)


def test_each_failed_load_doubles_the_wait_up_to_a_limit(clock: Clock) -> None:
    retries = Retries()
    waits = []
    for run in range(10):
        retries.note(status(run, WorkerState.FAILED))
        waits.append(retries.wait_s("m"))
        clock.now_s += MAX_WAIT_S
    assert waits[:3] == [FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S]
    assert waits[-1] == MAX_WAIT_S
    assert retries.wait_s("m") == 0


def test_a_failure_counts_once_however_often_it_is_seen_and_a_load_that_succeeds_ends_the_wait(clock: Clock) -> None:
    retries = Retries()
    for _ in range(5):
        retries.note(status(1, WorkerState.FAILED))
    assert retries.wait_s("m") == FIRST_WAIT_S
    retries.note(status(2, WorkerState.READY))
    assert retries.wait_s("m") == 0


@pytest.mark.parametrize(("ready_s", "factor"), [(HEALTHY_S - 1, 2), (HEALTHY_S, 1)])
def test_only_a_worker_that_lasts_ends_the_doubling(clock: Clock, ready_s: float, factor: int) -> None:
    retries = Retries()
    retries.note(status(1, WorkerState.FAILED))
    retries.note(status(2, WorkerState.READY))
    clock.now_s += ready_s
    retries.note(status(2, WorkerState.READY))
    retries.note(status(3, WorkerState.FAILED))
    assert retries.wait_s("m") == factor * FIRST_WAIT_S


def test_a_worker_that_was_ready_before_does_not_end_the_wait_of_another(clock: Clock) -> None:
    retries = Retries()
    other = WorkerStatus("m/1", "m", "m/1.1", WorkerState.READY, 0, "")
    retries.note(other)
    clock.now_s += 2 * HEALTHY_S
    waits = []
    for run in range(3):
        retries.note(status(run, WorkerState.FAILED))
        retries.note(other)
        waits.append(retries.wait_s("m"))
        clock.now_s += MAX_WAIT_S
    assert waits == [FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S]


def test_too_little_memory_is_told_once_for_each_death(clock: Clock) -> None:
    retries = Retries()
    told = [retries.note(status(1, WorkerState.UNLOADED, starved)) for starved in (0, 1, 1, 2, 2)]
    assert told == [False, True, False, True, False]


def test_failures_are_counted_and_the_last_one_is_explained_until_a_load_succeeds(clock: Clock) -> None:
    retries = Retries()
    for run, starved in ((1, 0), (1, 0), (2, 1), (2, 1)):
        retries.note(WorkerStatus("m/0", "m", f"m/0.{run}", WorkerState.FAILED, 0, f"why {run}", out_of_memory=starved))
    assert (retries.failed["m"], retries.reasons) == (2, {"m": "why 2"})
    retries.note(WorkerStatus("m/0", "m", "m/0.3", WorkerState.UNLOADED, 0, "too little memory", out_of_memory=2))
    assert (retries.failed["m"], retries.reasons) == (3, {"m": "too little memory"})
    retries.note(status(4, WorkerState.READY, 2))
    assert (retries.failed["m"], retries.reasons) == (3, {})


def test_models_that_are_gone_are_forgotten(clock: Clock) -> None:
    retries = Retries()
    retries.note(status(1, WorkerState.FAILED))
    retries.keep_only({"other"})
    assert (dict(retries.failed), retries.reasons, retries.wait_s("m")) == ({}, {}, 0)


def test_a_new_router_does_not_blame_a_loaded_model_for_deaths_that_an_earlier_one_saw(clock: Clock) -> None:
    retries = Retries()
    assert not retries.note(status(2, WorkerState.READY, starved=1))
    assert retries.failed["m"] == 0
    assert retries.note(status(3, WorkerState.LOADING, starved=2))
