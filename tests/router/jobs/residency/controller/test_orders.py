"""Orders that are lost, late or twice, and routers that start anew."""

from __future__ import annotations

from router.jobs.residency.places import UNSEEN_S
from router.jobs.residency.plan import UnloadCause
from shared.wire.supervision import LoadWorker, UnloadWorker
from tests.support.residency.played_supervisor import PlayedSupervisor
from tests.support.residency.stories import (
    PATIENCE_S,
    READY,
    Pass,
    first_of,
    runs,
    story,
)


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
