"""Models take turns: closed places, and jobs that come back."""

from __future__ import annotations

from shared.wire.payloads import Tokens
from shared.wire.supervision import UnloadWorker, WorkerState
from tests.support.residency.played_supervisor import PlayedSupervisor
from tests.support.residency.stories import (
    PATIENCE_S,
    READY,
    UNLOADED,
    Pass,
    end,
    runs,
    story,
)


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
