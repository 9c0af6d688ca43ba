"""One user's many requests beside another one's single request, with real processes and the engine without a model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support.running_server import RunningServer, running, wait_until

BUSY, RARE = "127.0.0.1", "127.0.0.2"
SLOTS = 4
REQUESTS = 200


@pytest.fixture(scope="module")
def echo() -> Iterator[RunningServer]:
    with running("echo:0.02", "--slots", str(SLOTS)) as ready:
        yield ready


def _client(server: RunningServer, address: str) -> httpx.Client:
    """A client that comes from one address: users without a key are told apart by it."""
    return httpx.Client(base_url=server.url, transport=httpx.HTTPTransport(local_address=address), timeout=120.0)


def _async_client(server: RunningServer, address: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None)
    transport = httpx.AsyncHTTPTransport(local_address=address, limits=limits)
    return httpx.AsyncClient(base_url=server.url, transport=transport, timeout=120.0)


def _all_run(server: RunningServer) -> bool:
    return bool(server.workers()[0]["running"] == SLOTS)


def test_the_one_request_is_answered_before_any_of_the_two_hundred(echo: RunningServer) -> None:
    body = {"prompt": "w", "max_tokens": 1000}  # 1,000 steps: none ends while the other user's five are taken

    async def test() -> None:
        async with _async_client(echo, BUSY) as busy, _async_client(echo, RARE) as rare:
            asked = [asyncio.ensure_future(busy.post("/v1/completions", json=body)) for _ in range(REQUESTS)]
            try:
                await asyncio.to_thread(wait_until, lambda: _all_run(echo), "the first user's requests run")
                for _ in range(3):
                    answer = await rare.post("/v1/completions", json={"prompt": "rare", "max_tokens": 5})
                    assert answer.json()["result"] == "rare " * 5
                    assert not any(request.done() for request in asked)
            finally:
                for request in asked:
                    request.cancel()
                await asyncio.gather(*asked, return_exceptions=True)

    asyncio.run(test())
    wait_until(echo.idle, "all slots are free again", 20)


def test_requests_that_make_room_lose_nothing(echo: RunningServer) -> None:
    with _client(echo, BUSY) as busy, _client(echo, RARE) as rare, ThreadPoolExecutor(3 * SLOTS) as pool:

        def ask(number: int) -> str:
            words = " ".join(f"{number}-{at}" for at in range(60))
            answer = busy.post("/v1/completions", json={"prompt": words, "max_tokens": 60})
            assert answer.json()["result"] == words + " "
            return words

        asked = [pool.submit(ask, number) for number in range(3 * SLOTS)]
        wait_until(lambda: _all_run(echo), "the first user's requests run")
        for _ in range(5):
            rare.post("/v1/completions", json={"prompt": "rare", "max_tokens": 2}).raise_for_status()
        assert len({request.result() for request in asked}) == 3 * SLOTS


def test_a_waiting_stream_is_told_its_place_and_expires_in_time(echo: RunningServer) -> None:
    body: dict[str, Any] = {"prompt": "w", "max_tokens": 400}
    with _client(echo, BUSY) as busy, ThreadPoolExecutor(SLOTS + 1) as pool:
        asked = [pool.submit(busy.post, "/v1/completions", json=body) for _ in range(SLOTS + 1)]
        wait_until(lambda: echo.workers()[0]["running"] == SLOTS, "all slots are taken")
        with busy.stream("POST", "/v1/completions", json={**body, "stream": True, "timeout": 3}) as stream:
            assert stream.status_code == 200
            text = "".join(stream.iter_text())
        assert text.startswith(": queued at position ")
        assert "event: error" in text
        assert "deadline_exceeded" in text
        assert [job.result().status_code for job in asked] == [200] * (SLOTS + 1)


def test_a_request_that_runs_out_of_time_is_answered_504_and_frees_its_slot(echo: RunningServer) -> None:
    answer = echo.client.post("/v1/completions", json={"prompt": "w", "max_tokens": 100_000, "timeout": 0.5})
    assert answer.status_code == 504
    assert answer.json()["error"]["code"] == "deadline_exceeded"
    wait_until(echo.idle, "the slot is free again", 20)
