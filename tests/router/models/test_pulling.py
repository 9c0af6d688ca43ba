from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import router.models.pulling
from router.models.pulling import FileProgress, Pull, Pulls, PullStopped, TooManyPulls
from shared.engines.files import HubFile
from shared.errors import ModelError
from shared.hub.pull_progress import PullProgress
from shared.models.resolution import ResolvedModel

MODEL = ResolvedModel("m", (), "llama", Path("m.gguf"), "mit", "hf:owner/m")
FILES = [HubFile("a.gguf", 30, "ab" * 32), HubFile("b.gguf", 10)]


class Fetch:
    """Fetches two files in steps of 10 bytes, each after ``allow`` was called."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls = 0
        self.stopped = threading.Event()
        self._error = error
        self._allowed = threading.Semaphore(0)

    def allow(self, steps: int = 10) -> None:
        self._allowed.release(steps)

    def __call__(self, progress: PullProgress) -> ResolvedModel:
        self.calls += 1
        try:
            for file in FILES:
                progress.start(file, 0)
                for _ in range(file.size_bytes // 10):
                    assert self._allowed.acquire(timeout=10)
                    progress.advance(10)
                progress.finish()
        except PullStopped:
            self.stopped.set()
            raise
        if self._error is not None:
            raise self._error
        return MODEL


async def seen_by(pull: Pull) -> list[FileProgress]:
    try:
        return [progress async for progress in pull.follow()]
    finally:
        pull.leave()


def run(go: Callable[[], Coroutine[Any, Any, None]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.models.pulling, "REPORT_INTERVAL_S", 0.001)
    asyncio.run(asyncio.wait_for(go(), 20))


def test_each_file_is_reported_up_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        fetch = Fetch()
        pull = Pulls().get("m", fetch)
        fetch.allow()
        seen = await seen_by(pull)
        assert [progress for progress in seen if progress.complete] == [
            FileProgress(FILES[0], 30, complete=True),
            FileProgress(FILES[1], 10, complete=True),
        ]
        assert len(seen) == len(set(seen))
        assert [progress.file for progress in seen] == sorted((one.file for one in seen), key=FILES.index)

    run(go, monkeypatch)


def test_a_model_is_fetched_once_for_all_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        fetch, pulls = Fetch(), Pulls()
        followers = [asyncio.ensure_future(seen_by(pulls.get("m", fetch))) for _ in range(3)]
        fetch.allow()
        ends = [seen[-1] for seen in await asyncio.gather(*followers)]
        assert ends == [FileProgress(FILES[1], 10, complete=True)] * 3
        assert fetch.calls == 1

    run(go, monkeypatch)


def test_fetching_stops_when_the_last_follower_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        fetch, pulls = Fetch(), Pulls()
        first = asyncio.ensure_future(seen_by(pulls.get("m", fetch)))
        second = asyncio.ensure_future(seen_by(pulls.get("m", fetch)))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        fetch.allow(1)
        assert not fetch.stopped.is_set()
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        fetch.allow()
        assert await asyncio.to_thread(fetch.stopped.wait, 10)
        again = Fetch()
        again.allow()
        assert (await seen_by(pulls.get("m", again)))[-1].complete  # a new attempt, not the stopped one

    run(go, monkeypatch)


@pytest.mark.parametrize("error", [ModelError("no such model"), OSError(28, "No space left on device")])
def test_all_who_wait_get_the_error(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        fetch, pulls = Fetch(error), Pulls()
        followers = [asyncio.ensure_future(seen_by(pulls.get("m", fetch))) for _ in range(2)]
        fetch.allow()
        assert await asyncio.gather(*followers, return_exceptions=True) == [error, error]

    run(go, monkeypatch)


def test_followers_end_at_once_when_the_server_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the hub sends nothing."""

    async def go() -> None:
        fetch, pulls = Fetch(), Pulls()
        follower = asyncio.ensure_future(seen_by(pulls.get("m", fetch)))
        fetch.allow(1)
        await asyncio.sleep(0.01)
        pulls.stop()
        with pytest.raises(PullStopped, match="the server stops; what has arrived is kept"):
            await asyncio.wait_for(follower, 5)
        fetch.allow()

    run(go, monkeypatch)


def test_few_models_are_fetched_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        fetch, pulls = Fetch(), Pulls()
        for number in range(router.models.pulling.MAX_PULLS):
            pulls.get(f"m{number}", fetch)
        with pytest.raises(TooManyPulls, match="expected at most 8 models to be fetched at once, got one more"):
            pulls.get("one more", fetch)
        pulls.stop()
        fetch.allow(100)

    run(go, monkeypatch)
