"""What models need and how long they stay; models that fail, change or are gone."""

from __future__ import annotations

import asyncio

from router.jobs.job import JobState
from router.jobs.residency.controller import NOT_SERVED
from router.jobs.residency.retries import FIRST_WAIT_S
from tests.support.residency.played_supervisor import PlayedSupervisor, on_demand
from tests.support.residency.stories import (
    FAILED,
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
    until,
)


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
