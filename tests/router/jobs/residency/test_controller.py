"""The controller of residency with a real dispatcher, against a supervisor that the test plays."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from router.jobs.job import Job, JobState
from router.jobs.limits import UserLimits
from router.jobs.residency.controller import NOT_SERVED
from router.jobs.residency.places import UNSEEN_S
from router.jobs.residency.plan import UnloadCause
from router.jobs.residency.retries import FIRST_WAIT_S
from router.jobs.workers.control import WorkerControl
from shared.settings import ModelSettings
from shared.wire.payloads import Tokens
from shared.wire.supervision import LoadWorker, Order, RestartWorkers, UnloadWorker, WorkerState
from tests.support.residency.played_supervisor import PlayedSupervisor, on_demand

A, B = on_demand("a"), on_demand("b")
ONE = {"cpu": 10}
TWO_GPUS = {"cpu": 100, "cuda:0": 10, "cuda:1": 10}
PATIENCE_S = 30.0
READY, UNLOADED, FAILED = WorkerState.READY, WorkerState.UNLOADED, WorkerState.FAILED

Pass = Callable[[float], None]


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch) -> Pass:
    """Lets time pass."""
    real, passed = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + passed[0])

    def add(seconds: float) -> None:
        passed[0] += seconds

    return add


def story(told: Callable[[PlayedSupervisor], Awaitable[None]], *models: ModelSettings, **options: Any) -> None:
    """Tell a story of models on devices."""
    budgets = options.pop("budgets", ONE)

    async def tell() -> None:
        played = PlayedSupervisor(models or (A, B), budgets, **options)
        await told(played)
        await played.controller.close()

    asyncio.run(tell())


def first_of(kind: type[Order], count: int) -> Callable[[Order], bool]:
    """Whether an order is one of the first so many of its kind."""
    seen = itertools.count()
    return lambda order: isinstance(order, kind) and next(seen) < count


def runs(job: Job) -> bool:
    return job.state is not JobState.QUEUED


async def until(played: PlayedSupervisor, holds: Callable[[], bool]) -> None:
    """Go on until something holds that another thread brings about."""
    async with asyncio.timeout(20.0):
        while not holds():
            await played.turn()
            await asyncio.sleep(0.001)


def end(played: PlayedSupervisor, *jobs: Job) -> None:
    """Let running jobs come to their end."""
    for job in jobs:
        played.dispatcher.take_out(job, done=True)
        played.dispatcher.dispatch_after(job)


def test_a_request_loads_its_model_and_runs() -> None:
    async def told(played: PlayedSupervisor) -> None:
        job = played.ask("a")
        await played.turn(2)
        assert played.states() == {"a/0": READY}
        assert runs(job)
        await played.turn(3)
        assert played.controller.record.loads == {"a": 1}

    story(told)


def test_a_model_in_use_is_closed_after_the_patience_and_its_jobs_come_back_later(after: Pass) -> None:
    async def told(played: PlayedSupervisor) -> None:
        first = played.ask("a")
        await played.turn(3)
        after(PATIENCE_S)
        other = played.ask("b")
        await played.turn()
        assert not played.worker("a/0").closed
        after(PATIENCE_S + 1)
        await played.turn()
        assert played.worker("a/0").closed
        late = played.ask("a")
        assert not runs(late)
        await played.turn()
        after(PATIENCE_S + 1)
        await played.turn(2)
        assert runs(other)
        assert not runs(first)
        assert played.states() == {"a/0": UNLOADED, "b/0": READY}
        end(played, other)
        after(PATIENCE_S)
        await played.turn(3)
        assert runs(first)
        assert runs(late)

    story(told)


def test_a_job_that_began_anew_with_each_turn_gets_longer_ones_until_it_has_given_something(after: Pass) -> None:
    async def told(played: PlayedSupervisor) -> None:
        picture = played.ask("a")

        async def turn_of_a() -> int:
            """The patiences that pass from the closing of its place until it leaves for another model."""
            await played.turn(3)
            assert runs(picture)
            after(PATIENCE_S)
            other = played.ask("b")
            after(PATIENCE_S + 1)
            await played.turn(2)
            patiences = 0
            while not runs(other):
                patiences += 1
                after(PATIENCE_S + 1)
                await played.turn(6)
            end(played, other)
            after(PATIENCE_S)
            return patiences

        assert [await turn_of_a() for _ in range(3)] == [1, 2, 4]
        await played.turn(3)
        picture.deliver(Tokens("x", [1]))
        assert await turn_of_a() == 1

    story(told)


def test_a_closed_place_opens_again_when_the_other_model_is_not_wanted_any_more(after: Pass) -> None:
    async def told(played: PlayedSupervisor) -> None:
        played.ask("a")
        await played.turn(3)
        after(PATIENCE_S)
        other = played.ask("b")
        after(PATIENCE_S + 1)
        await played.turn()
        late = played.ask("a")
        assert not runs(late)
        played.dispatcher.take_out(other, done=False)
        await played.turn()
        assert runs(late)

    story(told)


def test_a_worker_that_starts_again_in_a_closed_place_gets_no_jobs(after: Pass) -> None:
    async def told(played: PlayedSupervisor) -> None:
        played.ask("a")
        await played.turn(3)
        after(PATIENCE_S)
        played.ask("b")
        after(PATIENCE_S + 1)
        played.controller.tick()
        played.become("a/0", READY, new=True)
        played.publish()
        assert played.worker("a/0").closed
        assert not played.worker("a/0").jobs

    story(told)


def test_a_worker_that_becomes_ready_after_its_dismissal_gets_no_jobs_and_leaves() -> None:
    async def told(played: PlayedSupervisor) -> None:
        job = played.ask("a")
        played.link.loses = lambda order: isinstance(order, UnloadWorker)
        await played.turn(2)
        assert runs(job)
        played.become("a/0", WorkerState.LOADING, new=True)
        played.publish()
        assert played.controller.unload("a") == ["a/0"]
        played.become("a/0", READY)
        played.publish()
        assert not runs(job)
        assert played.worker("a/0").dismissed

    story(told)


def test_a_lost_order_to_unload_is_repeated_until_the_roster_shows_it(after: Pass) -> None:
    async def told(played: PlayedSupervisor) -> None:
        played.ask("a")
        await played.turn(2)
        played.link.loses = first_of(UnloadWorker, 3)
        played.controller.unload("a")
        for _ in range(3):
            await played.turn(5)
            assert played.states() == {"a/0": READY}
            after(UNSEEN_S + 0.1)
        await played.turn(3)
        assert played.runs == {"a/0": 2}  # unloaded, and loaded again for its job
        orders = [order for order in played.link.orders if isinstance(order, UnloadWorker)]
        assert len(orders) == 4
        assert played.controller.record.unloads == {("a", UnloadCause.ORDER): 1}

    story(told)


def test_a_lost_order_to_load_is_repeated_and_starts_one_worker(after: Pass) -> None:
    async def told(played: PlayedSupervisor) -> None:
        job = played.ask("a")
        played.link.loses = first_of(LoadWorker, 2)
        for _ in range(2):
            await played.turn(5)
            assert played.states() == {}
            after(UNSEEN_S + 0.1)
        await played.turn(2)
        assert runs(job)
        assert played.runs == {"a/0": 1}
        loads = [order for order in played.link.orders if isinstance(order, LoadWorker)]
        assert loads == [loads[0]] * 3
        assert played.controller.record.loads == {"a": 1}

    story(told)


def test_orders_that_arrive_late_and_twice_start_one_worker(after: Pass) -> None:
    async def told(played: PlayedSupervisor) -> None:
        played.ask("a")
        played.link.loses = lambda order: True
        await played.turn(3)
        after(UNSEEN_S + 0.1)
        await played.turn()
        played.link.arrived = list(played.link.orders)
        assert len(played.link.arrived) == 2
        played.obey()
        assert played.runs == {"a/0": 1}
        await played.turn(2)
        assert played.states() == {"a/0": READY}

    story(told)


def test_a_place_whose_load_was_lost_can_be_unloaded(after: Pass) -> None:
    async def told(played: PlayedSupervisor) -> None:
        played.link.loses = lambda order: True
        played.controller.load("a")
        await played.turn(2)
        assert played.controller.unload("a") == ["a/0"]
        after(UNSEEN_S + 0.1)
        await played.turn(2)
        assert played.controller.unload("a") == []
        played.link.loses = lambda order: False
        job = played.ask("b")
        await played.turn(2)
        assert runs(job)

    story(told)


def test_a_new_router_learns_from_the_roster_what_is_loaded_and_closed_places_take_jobs_again(after: Pass) -> None:
    async def told(played: PlayedSupervisor) -> None:
        played.ask("a")
        await played.turn(3)
        after(PATIENCE_S)
        played.ask("b")
        after(PATIENCE_S + 1)
        await played.turn()
        assert played.worker("a/0").closed
        played.new_router()
        played.publish()
        job = played.ask("a")
        await played.turn(3)
        assert runs(job)
        assert played.runs == {"a/0": 1}
        other = played.ask("b")
        after(2 * PATIENCE_S + 2)
        await played.turn(3)
        after(PATIENCE_S + 1)
        await played.turn(3)
        assert runs(other)

    story(told)


def test_nothing_is_ordered_before_a_roster_has_come_and_an_empty_one_forgets_all_places() -> None:
    async def told(played: PlayedSupervisor) -> None:
        played.new_router()
        played.ask("a")
        played.controller.tick()
        assert played.link.orders == []
        played.publish()
        await played.turn(3)
        played.places.clear()
        played.publish()
        played.failover.lose(played.worker("a/0"), "its heartbeats stopped")
        await played.turn(3)
        assert played.states() == {"a/0": READY}

    story(told)


def test_a_failed_load_is_tried_again_after_a_pause_and_others_do_not_notice(after: Pass) -> None:
    async def told(played: PlayedSupervisor) -> None:
        played.ask("a")
        await played.turn(2)
        played.become("a/0", FAILED)
        played.publish()
        assert played.table.hopeless("a") == "why"
        await played.turn(2)
        assert played.states() == {"a/0": FAILED}
        other = played.ask("b")
        await played.turn(2)
        assert runs(other)
        end(played, other)
        after(FIRST_WAIT_S + 1)
        await played.turn(2)
        job = played.ask("a")
        await played.turn(3)
        assert runs(job)

    story(told)


def test_too_little_memory_teaches_the_estimate_before_the_next_load() -> None:
    async def told(played: PlayedSupervisor) -> None:
        job = played.ask("a")
        await played.turn(2)
        played.needs.sizes["a"] = 9
        played.become("a/0", UNLOADED, starved=1)
        played.publish()
        await played.turn(3)
        assert played.needs.starved == ["a"]
        assert played.taken() == {"cpu": 9}
        assert runs(job)

    story(told)


def test_a_model_that_fits_nowhere_is_unfit_until_its_settings_change() -> None:
    async def told(played: PlayedSupervisor) -> None:
        played.needs.refusals["a"] = "needs 12 GB"
        await played.turn()
        assert played.table.unfit == {"a": "needs 12 GB"}
        played.needs.refusals.clear()
        played.serve(on_demand("a", context_tokens=512), B)
        await played.turn(2)
        assert played.table.unfit == {}

    story(told)


def test_models_on_demand_are_fitted_to_what_workers_that_never_leave_do_not_hold() -> None:
    async def told(played: PlayedSupervisor) -> None:
        await played.turn(2)
        assert played.needs.rooms == {"start": {"cpu": 10}, "a": {"cpu": 4}, "pinned": {"cpu": 4}}
        played.needs.sizes["pinned"] = 3
        played.controller.estimate_again("pinned")
        played.controller.load("pinned")
        await played.turn(5)
        assert played.states()["pinned/0"] == READY
        await until(played, lambda: played.needs.rooms["a"] == {"cpu": 1})
        assert played.needs.rooms == {"start": {"cpu": 10}, "a": {"cpu": 1}, "pinned": {"cpu": 4}}
        asked = played.needs.asked["a"]
        await played.turn(5)
        assert played.needs.asked["a"] == asked

    at_start = on_demand("start", load="start")
    asyncio.run(told(PlayedSupervisor([at_start, on_demand("a"), on_demand("pinned", pin=True)], {"cpu": 10})))


def test_a_refusal_tells_what_workers_that_never_leave_hold() -> None:
    async def told(played: PlayedSupervisor) -> None:
        played.needs.refusals["a"] = "needs 12 GB"
        await played.turn(2)
        assert played.table.unfit == {"a": "needs 12 GB (workers that stay loaded hold 6 B of cpu of the whole budget)"}

    asyncio.run(told(PlayedSupervisor([on_demand("start", load="start"), on_demand("a")], {"cpu": 10})))


def test_an_order_to_load_is_carried_out_without_any_request_and_forgotten_once_the_model_is_loaded() -> None:
    async def told(played: PlayedSupervisor) -> None:
        played.controller.load("a")
        await played.turn(2)
        assert played.states() == {"a/0": READY}
        played.controller.unload("a")
        await played.turn(3)
        assert played.states() == {"a/0": UNLOADED}

    story(told)


def test_keep_alive_says_how_long_a_model_stays(after: Pass) -> None:
    async def told(played: PlayedSupervisor) -> None:
        job = played.ask("a")
        await played.turn(2)
        played.controller.keep("a", 60.0)
        end(played, job)
        await played.turn()
        leaves_in_s = played.controller.leaves_in_s(A)
        assert leaves_in_s is not None
        assert 55.0 < leaves_in_s <= 60.0
        after(59.0)
        await played.turn(2)
        assert played.states() == {"a/0": READY}
        after(2.0)
        await played.turn()
        assert played.states() == {"a/0": UNLOADED}
        assert played.controller.leaves_in_s(on_demand("a", pin=True)) is None

    story(told)


def test_keep_alive_holds_when_a_spare_worker_leaves(after: Pass) -> None:
    async def told(played: PlayedSupervisor) -> None:
        jobs = crowd(played)
        await played.turn()
        after(6.0)
        await played.turn(2)
        assert played.states() == {"a/0": READY, "a/1": READY}
        played.controller.keep("a", -1)
        end(played, *jobs)
        after(2000.0)
        await played.turn(3)
        assert sorted(played.states().values()) == [READY, UNLOADED]
        assert played.controller.leaves_in_s(A) is None

    story(told, A, B, budgets=TWO_GPUS)


def test_keep_alive_of_a_model_that_is_gone_does_not_hold_when_it_comes_back() -> None:
    async def told(played: PlayedSupervisor) -> None:
        played.controller.keep("a", -1)
        played.serve(B)
        await played.turn()
        assert played.controller.leaves_in_s(A) is not None

    story(told)


def test_needs_that_change_while_a_model_loads_count_for_the_next_load() -> None:
    async def told(played: PlayedSupervisor) -> None:
        job = played.ask("a")
        played.link.loses = lambda order: True
        await played.turn(2)
        played.needs.sizes["a"] = 3
        played.serve(on_demand("a", context_tokens=512), B)
        played.link.arrived = list(played.link.orders)
        played.link.loses = lambda order: False
        played.obey()
        assert played.taken() == {"cpu": 6}
        await played.turn(3)
        end(played, job)
        await played.turn(3)
        assert played.states() == {"a/0": UNLOADED}
        played.ask("a")
        await played.turn(2)
        assert played.taken() == {"cpu": 3}

    story(told)


def test_a_worker_of_a_model_that_was_replaced_finishes_its_jobs_and_the_new_one_is_loaded() -> None:
    async def told(played: PlayedSupervisor) -> None:
        first = played.ask("a")
        await played.turn(2)
        played.serve(on_demand("a", path="/other.gguf"), B)
        await played.turn(3)
        late = played.ask("a")
        assert played.runs == {"a/0": 1}
        assert runs(first)
        assert not runs(late)
        end(played, first)
        await played.turn(4)
        assert runs(late)
        assert played.runs == {"a/0": 2}

    story(told)


def test_a_further_name_of_a_model_changes_nothing_of_its_worker() -> None:
    async def told(played: PlayedSupervisor) -> None:
        played.ask("a")
        await played.turn(2)
        played.serve(on_demand("a", aliases=("alpha",), known_as=("owner/a",), idle_unload_s=5.0), B)
        await played.turn(3)
        assert not played.worker("a/0").closed
        assert played.runs == {"a/0": 1}

    story(told)


def test_a_model_that_is_gone_ends_its_jobs_and_leaves_and_waiting_ones_without_a_worker_fail() -> None:
    async def told(played: PlayedSupervisor) -> None:
        first = played.ask("a")
        waiting = played.ask("b")
        await played.turn(2)
        played.serve()
        await played.turn(2)
        assert runs(first)
        assert waiting.state is JobState.FAILED
        assert played.table.unfit == {"b": NOT_SERVED}
        end(played, first)
        await played.turn(2)
        assert played.states() == {"a/0": UNLOADED}
        played.serve(A, B)
        await played.turn(2)
        again = played.ask("b")
        await played.turn(2)
        assert runs(again)

    story(told)


def test_a_failed_place_of_a_model_that_is_gone_is_emptied() -> None:
    async def told(played: PlayedSupervisor) -> None:
        played.ask("a")
        await played.turn(2)
        played.become("a/0", FAILED)
        played.serve(B)
        played.publish()
        await played.turn(2)
        assert played.states() == {"a/0": UNLOADED}

    story(told)


def crowd(played: PlayedSupervisor, model: str = "a", count: int = 8) -> list[Job]:
    return [played.ask(model, user=f"user {number % 3}") for number in range(count)]


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
