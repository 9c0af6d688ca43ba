"""When a router counts as hung."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shared.wire.supervision import RouterAlive
from tests.support.workers.stand_ins.server import StandInLaunch
from tests.support.workers.supervised import until
from workers.supervisor.router_keeper import SILENCE_S, START_S, RouterKeeper


class Clock:
    """The time of the keeper, which a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._passed_s = 0.0
        monotonic = time.monotonic
        monkeypatch.setattr("workers.supervisor.router_keeper.time.monotonic", lambda: monotonic() + self._passed_s)

    def move(self, seconds: float) -> None:
        self._passed_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[RouterKeeper]:
    keeper = RouterKeeper(StandInLaunch(folder, "silent", {}).router, lambda name, line: None)
    task = asyncio.create_task(keeper.run())
    await until(lambda: keeper.pid, "a router")
    try:
        yield keeper
    finally:
        keeper.kill()
        await task


def play(folder: Path, story: Callable[[RouterKeeper], Awaitable[None]]) -> None:
    async def in_keeper() -> None:
        async with running(folder) as keeper:
            await story(keeper)

    asyncio.run(in_keeper())


async def replaced(keeper: RouterKeeper, pid: int | None) -> None:
    await until(lambda: keeper.pid not in (pid, None), "another router")


@pytest.mark.parametrize(
    ("has_answered", "limit_s", "reason"),
    [
        (True, SILENCE_S, "no answer for 10 s; the router was killed"),
        (False, START_S, "no answer for 60 s; the router was killed"),
    ],
    ids=["has answered", "starts"],
)
def test_a_silent_router_hangs_after_ten_seconds_and_gets_more_time_to_start(
    clock: Clock, folder: Path, has_answered: bool, limit_s: float, reason: str
) -> None:
    async def story(keeper: RouterKeeper) -> None:
        first = keeper.pid
        if has_answered:
            keeper.heard(RouterAlive(first or 0, ready=False))
        clock.move(limit_s - 1)
        keeper.check()
        assert (keeper.pid, keeper.detail) == (first, "")
        clock.move(1)
        keeper.check()
        await replaced(keeper, first)
        assert keeper.detail == reason

    play(folder, story)


def test_late_answers_of_an_earlier_router_do_not_count(clock: Clock, folder: Path) -> None:
    async def story(keeper: RouterKeeper) -> None:
        first = keeper.pid or 0
        keeper.heard(RouterAlive(first, ready=False))
        clock.move(SILENCE_S)
        keeper.heard(RouterAlive(first + 1, ready=False))
        keeper.check()
        await replaced(keeper, first)

    play(folder, story)


def test_a_supervisor_that_was_suspended_itself_blames_nobody(clock: Clock, folder: Path) -> None:
    async def story(keeper: RouterKeeper) -> None:
        keeper.heard(RouterAlive(keeper.pid or 0, ready=False))
        clock.move(3600.0)
        keeper.forgive()
        keeper.check()
        await asyncio.sleep(0)
        assert keeper.detail == ""
        clock.move(SILENCE_S - 1)
        keeper.check()
        assert (keeper.detail, keeper.answers) == ("", True)

    play(folder, story)


@pytest.mark.parametrize("ending", ["stop", "restart"])
def test_a_router_that_ends_is_silent_for_as_long_as_it_may_take(clock: Clock, folder: Path, ending: str) -> None:
    async def story(keeper: RouterKeeper) -> None:
        keeper.heard(RouterAlive(keeper.pid or 0, ready=False))
        task = asyncio.create_task(keeper.stop(30.0) if ending == "stop" else keeper.restart())
        await asyncio.sleep(0)
        clock.move(SILENCE_S)
        keeper.check()
        await task
        assert keeper.detail == ""

    play(folder, story)


def test_a_router_lives_while_it_answers(folder: Path, clock: Clock) -> None:
    async def story(keeper: RouterKeeper) -> None:
        assert (keeper.lives, keeper.ready) == (False, False)
        keeper.heard(RouterAlive(keeper.pid or 0, ready=True))
        assert (keeper.lives, keeper.ready) == (True, True)
        clock.move(SILENCE_S + 1)
        assert not keeper.lives

    play(folder, story)


def test_the_answer_of_another_router_does_not_count(folder: Path, clock: Clock) -> None:
    async def story(keeper: RouterKeeper) -> None:
        keeper.heard(RouterAlive(1, ready=True))
        assert (keeper.lives, keeper.ready) == (False, False)

    play(folder, story)
