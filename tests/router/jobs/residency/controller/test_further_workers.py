"""Further workers of a model with a long queue, and what a look costs."""

from __future__ import annotations

import sys

import pytest

from router.jobs.limits import UserLimits
from router.jobs.workers.control import WorkerControl
from shared.settings import ModelSettings
from shared.wire.supervision import RestartWorkers, WorkerState
from tests.support.residency.played_supervisor import PlayedSupervisor, on_demand
from tests.support.residency.stories import (
    FAILED,
    ONE,
    READY,
    TWO_GPUS,
    UNLOADED,
    A,
    B,
    Pass,
    crowd,
    end,
    runs,
    story,
)


def test_a_long_queue_gets_a_second_worker_on_the_other_gpu_and_loses_it_again(after: Pass) -> None:
    async def told(played: PlayedSupervisor) -> None:
        jobs = crowd(played)
        await played.turn(3)
        after(6.0)
        await played.turn(2)
        assert played.states() == {"a/0": READY, "a/1": READY}
        assert played.taken() == {"cuda:0": 6, "cuda:1": 6}
        assert all(played.worker(name).jobs for name in played.places)
        end(played, *jobs)
        after(119.0)
        await played.turn(2)
        assert played.states() == {"a/0": READY, "a/1": READY}
        after(2.0)
        await played.turn(3)
        assert sorted(played.states().values()) == [READY, UNLOADED]

    story(told, A, B, budgets=TWO_GPUS)


def test_a_model_of_the_start_gets_a_second_worker_and_keeps_its_own(after: Pass) -> None:
    async def told(played: PlayedSupervisor) -> None:
        jobs = crowd(played, "s")
        await played.turn()
        after(6.0)
        await played.turn(2)
        assert played.states() == {"s/0": READY, "s/1": READY}
        end(played, *jobs)
        after(500.0)
        await played.turn(3)
        assert played.states() == {"s/0": READY, "s/1": UNLOADED}

    story(told, on_demand("s", load="start"), budgets=TWO_GPUS)


@pytest.mark.parametrize(
    ("model", "budgets"),
    [
        (on_demand("a", max_workers=1), TWO_GPUS),
        (on_demand("a"), ONE),
        (on_demand("a"), {"cpu": 100, "cuda:0": 100}),
    ],
    ids=["limited", "no GPU", "one GPU"],
)
def test_no_second_worker(model: ModelSettings, budgets: dict[str, int], after: Pass) -> None:
    async def told(played: PlayedSupervisor) -> None:
        crowd(played)
        await played.turn(3)
        after(100.0)
        await played.turn(3)
        assert played.states() == {"a/0": READY}

    story(told, model, budgets=budgets)


def test_jobs_that_their_user_may_not_run_ask_for_no_worker(after: Pass) -> None:
    async def told(played: PlayedSupervisor) -> None:
        limits = UserLimits(max_running=1)
        jobs = [played.ask("a", limits=limits) for _ in range(8)]
        await played.turn(2)
        assert sum(map(runs, jobs)) == 1
        after(100.0)
        await played.turn(2)
        other = played.ask("b", limits=limits)
        await played.turn(2)
        assert not runs(other)
        assert played.states() == {"a/0": READY}

    story(told, A, B, budgets=TWO_GPUS)


def test_a_second_worker_that_fails_is_tried_with_longer_and_longer_pauses(after: Pass) -> None:
    async def told(played: PlayedSupervisor) -> None:
        crowd(played)
        await played.turn(3)
        after(6.0)
        await played.turn(2)
        tries = [played.runs["a/1"]]
        for _ in range(60):
            if played.states()["a/1"] is READY:
                played.become("a/1", FAILED)
                played.publish()
            after(1.0)
            await played.turn()
        tries.append(played.runs["a/1"])
        assert tries == [1, 3]  # after 10 and 20 s; the next after 40
        assert played.runs["a/0"] == 1
        assert played.table.hopeless("a") is None

    story(told, A, budgets=TWO_GPUS)


def test_a_drained_place_is_used_again_only_after_a_restart_which_keeps_to_the_budget(after: Pass) -> None:
    async def told(played: PlayedSupervisor) -> None:
        crowd(played)
        await played.turn(3)
        after(6.0)
        await played.turn(2)
        played.become("a/1", WorkerState.DRAINED)
        played.publish()
        after(100.0)
        await played.turn(3)
        assert played.states() == {"a/0": READY, "a/1": WorkerState.DRAINED}
        other = played.ask("b")
        await played.turn(2)
        assert runs(other)
        control = WorkerControl(played.table, played.failover._link)
        control.take_back = played.controller.take_back
        control.restart("a/1")
        await played.turn(3)
        assert played.states() == {"a/0": READY, "a/1": UNLOADED, "b/0": READY}
        assert max(played.taken().values()) <= 10
        assert not any(isinstance(order, RestartWorkers) for order in played.link.orders)

    story(told, A, B, budgets=TWO_GPUS)


def calls_of_a_look(models: int) -> int:
    """How many calls the controller makes for one look at so many models, each with ten waiting jobs."""
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    async def told(played: PlayedSupervisor) -> None:
        for number in range(10 * models):
            played.ask(f"m{number % models}", user=f"user {number % 20}")
        await played.turn(2)
        sys.setprofile(count)
        played.controller.tick()
        sys.setprofile(None)

    story(told, *(on_demand(f"m{number}") for number in range(models)), budgets={"cpu": 60})
    return calls


def test_the_cost_of_a_look_grows_no_faster_than_models_and_jobs() -> None:
    assert calls_of_a_look(120) < 2.5 * calls_of_a_look(60)
