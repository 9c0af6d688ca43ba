"""Fetchings that the server holds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import router.models.pulling
from router.models.held_pulls import KEEP_ENDED, HeldPull, HeldPulls
from router.models.pulling import Pulls, PullStopped
from router.models.service import PullRequested
from router.schemas.server.models import PullState
from shared.engines.files import HubFile
from shared.hub.pull_progress import PullProgress
from shared.models.resolution import ResolvedModel

MODEL = ResolvedModel("m", (), "llama", Path("m.gguf"), "mit", "hf:owner/m")
FILE = HubFile("a.gguf", 30, "ab" * 32)


class Fetching:
    """Fetches one file in steps of 10 bytes, each after ``allow``."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self._allowed = threading.Semaphore(0)

    def allow(self, steps: int) -> None:
        self._allowed.release(steps)

    def __call__(self, progress: PullProgress) -> ResolvedModel:
        try:
            progress.start(FILE, 0)
            for _ in range(3):
                assert self._allowed.acquire(timeout=10)
                progress.advance(10)
            progress.finish()
        except PullStopped:
            self.stopped.set()
            raise
        return MODEL


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - a thread brings it about
        await asyncio.sleep(0.001)


def run(go: Callable[[], Coroutine[Any, Any, None]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.models.pulling, "REPORT_INTERVAL_S", 0.001)
    asyncio.run(asyncio.wait_for(go(), 20))


def is_done(held: HeldPull) -> bool:
    return held.state is PullState.DONE


def done_bytes(held: HeldPull) -> int:
    return sum(one.done_bytes for one in held.files.values())


def test_it_tells_how_far_it_is_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        fetching, held_pulls, pulls = Fetching(), HeldPulls(), Pulls()
        held = held_pulls.hold(PullRequested("m", pulls.get("m", fetching)))
        fetching.allow(1)
        await until(lambda: done_bytes(held) == 10)
        assert (held.state, held.ended_at_s) == (PullState.RUNNING, None)
        fetching.allow(2)
        await until(lambda: held.state is PullState.DONE)
        assert (done_bytes(held), held_pulls.all()) == (30, [held])

    run(go, monkeypatch)


def test_a_model_is_held_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        fetching, held_pulls, pulls = Fetching(), HeldPulls(), Pulls()
        first = held_pulls.hold(PullRequested("m", pulls.get("m", fetching)))
        assert held_pulls.hold(PullRequested("m", pulls.get("m", fetching))) is first
        held_pulls.stop(first)
        fetching.allow(3)
        assert await asyncio.to_thread(fetching.stopped.wait, 10)  # the second asker holds it up no longer
        assert first.state is PullState.STOPPED

    run(go, monkeypatch)


def test_one_that_others_follow_goes_on_when_it_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        fetching, held_pulls, pulls = Fetching(), HeldPulls(), Pulls()
        other = pulls.get("m", fetching)
        held = held_pulls.hold(PullRequested("m", pulls.get("m", fetching)))
        held_pulls.stop(held)
        fetching.allow(3)
        assert [progress async for progress in other.follow()][-1].complete
        other.leave()

    run(go, monkeypatch)


def test_the_end_of_the_server_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        held_pulls, pulls = HeldPulls(), Pulls()
        held = held_pulls.hold(PullRequested("m", pulls.get("m", Fetching())))
        pulls.stop()
        await until(lambda: held.state is PullState.STOPPED)

    run(go, monkeypatch)


def test_only_the_latest_that_have_ended_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        held_pulls, pulls = HeldPulls(), Pulls()
        for number in range(KEEP_ENDED + 3):
            fetching = Fetching()
            fetching.allow(3)
            held = held_pulls.hold(PullRequested(f"m{number}", pulls.get(f"m{number}", fetching)))
            await until(partial(is_done, held))
        names = [held.name for held in held_pulls.all()]
        assert (names[0], len(names)) == ("m2", KEEP_ENDED + 1)

    run(go, monkeypatch)
