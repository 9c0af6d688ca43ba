"""One user's many requests beside another one's single request, with real processes and the engine without a model."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from e2e.running_server import RunningServer, running, wait_until

BUSY, RARE = "127.0.0.1", "127.0.0.2"
SLOTS = 4
REQUESTS = 200


@pytest.fixture(scope="module")
def echo() -> Iterator[RunningServer]:
    with running("echo:0.02", "--slots", str(SLOTS)) as ready:
        yield ready


def _client(server: RunningServer, address: str) -> httpx.Client:
    """A client that comes from one address: users without a key are told apart by it."""
    return httpx.Client(
        base_url=server.url,
        transport=httpx.HTTPTransport(local_address=address, limits=httpx.Limits(max_connections=None)),
        timeout=120.0,
    )


def test_the_one_request_begins_before_the_others_are_done(echo: RunningServer) -> None:
    ended: list[int] = []
    lock = threading.Lock()

    def ask(client: httpx.Client, number: int) -> str:
        answer = client.post("/v1/completions", json={"prompt": f"w{number}", "max_tokens": 50})
        with lock:
            ended.append(number)
        assert answer.status_code == 200, answer.text
        text: str = answer.json()["result"]
        return text

    def full() -> bool:
        return bool(echo.workers()[0]["running"] == SLOTS)

    with _client(echo, BUSY) as busy, _client(echo, RARE) as rare, ThreadPoolExecutor(REQUESTS) as pool:
        asked = [pool.submit(ask, busy, number) for number in range(REQUESTS)]
        wait_until(full, "the first user's requests run")
        before = len(ended)
        with rare.stream("POST", "/v1/completions", json={"prompt": "rare", "max_tokens": 5, "stream": True}) as stream:
            lines = stream.iter_lines()
            first = next(line for line in lines if line)
            while_waiting = len(ended) - before
            assert first.startswith("data: ")  # it was not even told that it waits
            assert "data: [DONE]" in list(lines)
        # A request of the first user takes 50 steps; without room being made, one or more would have ended before.
        assert while_waiting <= 2 * SLOTS
        answers = [job.result() for job in asked]
    assert answers == [f"w{number} " * 50 for number in range(REQUESTS)]  # nothing is lost where room was made


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
