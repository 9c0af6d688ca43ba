"""Threads for calls that may block, and what becomes of others when a disk hangs."""

from __future__ import annotations

import asyncio
import errno
import inspect
import os
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from router.api.images import endpoints
from router.http import uploads
from router.schemas.errors import ApiError
from router.threads import Lane
from tests.support.router.client import app_of, http_client
from tests.support.router.watched_broker import WatchedBroker


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    """What hanging calls wait for; set at the end, so that no thread is left."""
    event = threading.Event()
    yield event
    event.set()


def test_a_call_that_hangs_is_given_up_and_others_wait_no_longer_than_the_limit(hang: threading.Event) -> None:
    lane = Lane("disk", threads=1, max_waiting=1, timeout_s=0.01)

    async def go() -> list[str]:
        errors = []
        for _ in range(3):
            try:
                await lane.run(hang.wait)
            except TimeoutError as error:
                errors.append(str(error))
        return errors

    late = "disk: expected an answer within 0.01 s, got none"
    assert asyncio.run(go()) == [late, late, "disk: expected at most 2 calls at once, got one more"]
    hang.set()

    async def again() -> int:
        while lane.calls:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        lane.timeout_s = 10
        return await lane.run(lambda: 7)

    assert asyncio.run(asyncio.wait_for(again(), 10)) == 7


def test_a_call_that_nobody_waits_for_is_not_begun(hang: threading.Event) -> None:
    lane = Lane("disk", threads=1, timeout_s=None)
    begun: list[int] = []

    async def go() -> None:
        first = asyncio.ensure_future(lane.run(hang.wait))
        second = asyncio.ensure_future(lane.run(begun.append, 1))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        hang.set()
        await first
        await lane.run(begun.append, 2)

    asyncio.run(asyncio.wait_for(go(), 10))
    assert begun == [2]


def test_errors_are_those_of_the_call() -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(Lane("sums").run(lambda: 1 // 0))
    with pytest.raises(TimeoutError, match=r"^own$"):
        asyncio.run(Lane("own").run(_fail))


def _fail() -> None:
    raise TimeoutError("own")


def test_no_dependency_of_an_endpoint_runs_in_the_shared_pool() -> None:
    """FastAPI calls functions that are not async in a pool that a hung disk could fill."""

    def calls(dependant: Dependant) -> Iterator[Any]:
        yield dependant.call
        for below in dependant.dependencies:
            yield from calls(below)

    for route in app_of(WatchedBroker()).routes:
        if isinstance(route, APIRoute):
            for call in calls(route.dependant):
                is_async = inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__)
                assert is_async, f"{route.path}: {call}"


def test_a_hung_output_folder_stops_neither_metrics_nor_health(
    hang: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "READING", Lane("output folder", threads=1, max_waiting=0, timeout_s=0.01))
    monkeypatch.setattr("router.images.store.ImageStore.read", lambda *_: hang.wait())

    async def go() -> list[int]:
        async with http_client(WatchedBroker()) as http:
            paths = (f"/v1/images/{'0' * 32}.png", f"/v1/images/{'0' * 32}.png", "/metrics", "/health")
            return [(await http.get(path)).status_code for path in paths]

    assert asyncio.run(asyncio.wait_for(go(), 10)) == [503, 503, 200, 200]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (errno.ENOSPC, 507, "folder for temporary files (TMPDIR): expected room for the file, got a full disk"),
        (errno.EDQUOT, 507, "folder for temporary files (TMPDIR): expected room for the file, got a full disk"),
        (errno.EIO, 503, "folder for temporary files (TMPDIR): expected to write the file, got an error; see the log"),
    ],
)
def test_a_full_folder_for_temporary_files_is_one_line(error: int, status: int, message: str) -> None:
    def write(data: bytes) -> None:
        raise OSError(error, os.strerror(error))

    with pytest.raises(ApiError) as caught:
        asyncio.run(uploads.on_disk(write, b"x"))
    assert (caught.value.status, str(caught.value)) == (status, message)


def test_an_upload_to_a_hung_disk_is_503(hang: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "UPLOADS", Lane("temporary files", threads=1, max_waiting=0, timeout_s=0.01))
    with pytest.raises(ApiError) as caught:
        asyncio.run(uploads.on_disk(hang.wait))
    assert caught.value.status == 503


def test_an_idle_thread_keeps_no_result() -> None:
    class Result:
        pass

    lane = Lane("disk")

    async def go() -> None:
        kept = weakref.ref(await lane.run(Result))
        while kept() is not None:  # noqa: ASYNC110 - until the thread waits for the next call
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(go(), 2))


def test_a_lane_without_a_thread_says_so_and_recovers(monkeypatch: pytest.MonkeyPatch) -> None:
    lane = Lane("disk", threads=2)

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        with pytest.raises(TimeoutError, match=r"^disk: expected a thread for the call, got none$"):
            asyncio.run(lane.run(int))
    assert lane.calls == 0
    assert asyncio.run(asyncio.wait_for(lane.run(lambda: 7), 10)) == 7
