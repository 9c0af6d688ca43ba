"""Which lines run at once, and whose is next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from router.batches.calls.gate import LineGate, Place


class GateLines:
    """Lines that wait at a gate; ``order`` has the names of those that were admitted."""

    def __init__(self, slots: int = 1) -> None:
        self.gate = LineGate(lambda model: slots)
        self.order: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, place: Place, max_weight: int | None = None) -> None:
        async def enter() -> None:
            await self.gate.enter(place, max_weight)
            self.order.append(name)

        self.tasks[name] = asyncio.ensure_future(enter())
        await settle()

    async def leave(self, place: Place) -> None:
        self.gate.leave(place)
        await settle()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test, whose lines may still wait at its end."""

    async def in_loop() -> None:
        await test()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    asyncio.run(in_loop())


A, B, A2 = Place("ann", 1, "m"), Place("bob", 2, "m"), Place("ann", 3, "m")


def test_as_many_run_as_there_are_slots() -> None:
    async def go() -> None:
        lines = GateLines(2)
        for name in "abc":
            await lines.come(name, A)
        assert lines.order == ["a", "b"]
        await lines.leave(A)
        assert lines.order == ["a", "b", "c"]
        assert lines.gate.running == 2

    run(go)


def test_models_do_not_wait_for_each_other() -> None:
    async def go() -> None:
        lines = GateLines()
        await lines.come("a", A)
        await lines.come("a again", A)
        await lines.come("other", Place("ann", 1, "other"))
        assert lines.order == ["a", "other"]

    run(go)


def test_users_take_turns_however_many_batches_they_have() -> None:
    async def go() -> None:
        lines = GateLines()
        await lines.come("first", A)
        for name, place in (("a1", A), ("a2", A2), ("b1", B), ("b2", B)):
            await lines.come(name, place)
        for place in (A, B, A, B):
            await lines.leave(place)
        assert lines.order == ["first", "b1", "a1", "b2", "a2"]

    run(go)


def test_a_users_batches_take_turns() -> None:
    async def go() -> None:
        lines = GateLines(2)
        await lines.come("a1", A)
        await lines.come("a1 too", A)
        await lines.come("a1 later", A)
        await lines.come("a2", A2)
        await lines.leave(A)
        assert lines.order == ["a1", "a1 too", "a2"]

    run(go)


def test_the_limit_of_a_user_holds_and_does_not_hold_up_others() -> None:
    async def go() -> None:
        lines = GateLines(4)
        for name in ("a1", "a2", "a3"):
            await lines.come(name, A, 2)
        await lines.come("b", B)
        assert lines.order == ["a1", "a2", "b"]

    run(go)


def test_a_line_of_several_jobs_waits_for_as_many_slots_and_is_not_overtaken() -> None:
    async def go() -> None:
        lines = GateLines(3)
        await lines.come("a", A)
        heavy = Place("bob", 2, "m", weight=3)
        await lines.come("heavy", heavy)
        await lines.come("light", A)
        assert lines.order == ["a"]
        await lines.leave(A)
        assert lines.order == ["a", "heavy"]
        await lines.leave(heavy)
        assert lines.order == ["a", "heavy", "light"]

    run(go)


def test_a_line_of_more_jobs_than_slots_runs_alone() -> None:
    async def go() -> None:
        lines = GateLines(2)
        await lines.come("huge", Place("ann", 1, "m", weight=9), 4)
        await lines.come("other", B)
        assert lines.order == ["huge"]

    run(go)


def test_a_line_that_waits_no_longer_leaves_its_turn_to_the_next() -> None:
    async def go() -> None:
        lines = GateLines()
        await lines.come("a", A)
        await lines.come("gone", B)
        await lines.come("next", A)
        lines.tasks["gone"].cancel()
        await settle()
        await lines.leave(A)
        assert lines.order == ["a", "next"]

    run(go)


def test_a_line_that_is_cancelled_just_when_it_is_admitted_frees_its_place() -> None:
    async def go() -> None:
        lines = GateLines()
        await lines.come("a", A)
        await lines.come("late", B)
        await lines.come("next", A)
        lines.gate.leave(A)  # admits "late", whose task has not run yet
        lines.tasks["late"].cancel()
        await settle()
        assert lines.order == ["a", "next"]
        assert lines.gate.running == 1

    run(go)
