"""When a router counts as hung."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from shared.interpreter import child_environment
from tests.support.workers.supervised import until
from workers.supervisor.processes.process import Command
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


def sleeper() -> Command:
    return Command([sys.executable, "-c", "import time; time.sleep(600)"], child_environment())


@asynccontextmanager
async def running() -> AsyncIterator[RouterKeeper]:
    keeper = RouterKeeper(sleeper, lambda name, line: None)
    task = asyncio.create_task(keeper.run())
    await until(lambda: keeper.pid, "a router")
    try:
        yield keeper
    finally:
        keeper.kill()
        await task


def play(story: Callable[[RouterKeeper], Awaitable[None]]) -> None:
    async def in_keeper() -> None:
        async with running() as keeper:
            await story(keeper)

    asyncio.run(in_keeper())


async def replaced(keeper: RouterKeeper, pid: int | None) -> None:
    await until(lambda: keeper.pid not in (pid, None), "another router")


def test_a_router_is_busy_for_some_seconds_and_hangs_after_ten(clock: Clock) -> None:
    async def story(keeper: RouterKeeper) -> None:
        first = keeper.pid
        keeper.heard(first or 0)
        clock.move(SILENCE_S - 1)
        keeper.check()
        assert keeper.detail == ""
        clock.move(1)
        keeper.check()
        await replaced(keeper, first)
        assert keeper.detail == "no answer for 10 s; the router was killed"

    play(story)


def test_a_router_that_starts_gets_more_time(clock: Clock) -> None:
    async def story(keeper: RouterKeeper) -> None:
        first = keeper.pid
        clock.move(START_S - 1)
        keeper.check()
        assert keeper.pid == first
        clock.move(1)
        keeper.check()
        await replaced(keeper, first)
        assert keeper.detail == "no answer for 60 s; the router was killed"

    play(story)


def test_late_answers_of_an_earlier_router_do_not_count(clock: Clock) -> None:
    async def story(keeper: RouterKeeper) -> None:
        first = keeper.pid or 0
        keeper.heard(first)
        clock.move(SILENCE_S)
        keeper.heard(first + 1)
        keeper.check()
        await replaced(keeper, first)

    play(story)


def test_a_supervisor_that_was_suspended_itself_blames_nobody(clock: Clock) -> None:
    async def story(keeper: RouterKeeper) -> None:
        keeper.heard(keeper.pid or 0)
        clock.move(3600.0)
        keeper.forgive()
        keeper.check()
        await asyncio.sleep(0)
        assert keeper.detail == ""
        clock.move(SILENCE_S - 1)
        keeper.check()
        assert (keeper.detail, keeper.answers) == ("", True)

    play(story)


@pytest.mark.parametrize("ending", ["stop", "restart"])
def test_a_router_that_ends_is_silent_for_as_long_as_it_may_take(clock: Clock, ending: str) -> None:
    async def story(keeper: RouterKeeper) -> None:
        keeper.heard(keeper.pid or 0)
        task = asyncio.create_task(keeper.stop(30.0) if ending == "stop" else keeper.restart())
        await asyncio.sleep(0)
        clock.move(SILENCE_S)
        keeper.check()
        await task
        assert keeper.detail == ""

    play(story)
