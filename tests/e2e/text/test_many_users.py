"""Many streams at once, long prompts among them, and clients that go away."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support.running_server import RunningServer, wait_until

LONG_PROMPT = " ".join(f"item{i}" for i in range(820))


def _stream(server: RunningServer, number: int, tokens: int) -> str:
    body = {"prompt": f"Story number {number}:", "max_tokens": tokens, "ignore_eos": True, "seed": number}
    chunks = list(server.stream("/v1/completions", {**body, "stream_options": {"include_usage": True}}))
    assert chunks[-1]["usage"]["completion_tokens"] == tokens
    return "".join(chunk["choices"][0]["text"] for chunk in chunks[:-1])


def test_sixteen_streams_at_once(server: RunningServer) -> None:
    with ThreadPoolExecutor(16) as pool:
        texts = list(pool.map(lambda number: _stream(server, number, 32), range(16)))
    assert all(texts)
    assert len(set(texts)) == 16


def test_more_requests_than_slots_all_finish(server: RunningServer) -> None:
    with ThreadPoolExecutor(40) as pool:
        texts = list(pool.map(lambda number: _stream(server, number, 8), range(40)))
    assert all(texts)


def test_long_prompt_does_not_stop_running_streams(server: RunningServer) -> None:
    """Each running stream gets tokens between the arrival of a 3,000-token prompt and its first token."""
    arrived = [0] * 4
    running = threading.Event()
    ends = threading.Event()

    def follow(number: int) -> None:
        body = {"prompt": f"Tale {number}:", "max_tokens": 2000, "ignore_eos": True}
        for _ in server.stream("/v1/completions", body):
            arrived[number] += 1
            if min(arrived) > 3:
                running.set()
            if ends.is_set():
                return

    with ThreadPoolExecutor(4) as pool:
        followers = [pool.submit(follow, number) for number in range(4)]
        try:
            assert running.wait(60)
            before = list(arrived)
            prompt = f"{uuid.uuid4()} {LONG_PROMPT}"  # in no cache, at a second try either
            answer = server.post("/v1/completions", {"prompt": prompt, "max_tokens": 1})
            after = list(arrived)
        finally:
            ends.set()
        for follower in followers:
            follower.result()
    assert answer["usage"]["prompt_tokens"] > 3000
    # Steps hold at most 512 tokens: at least six of them, each of which gives every stream a token.
    assert all(late - early >= 6 for early, late in zip(before, after, strict=True)), (before, after)


WITHOUT_END: dict[str, Any] = {"prompt": "Without end", "max_tokens": 7000, "ignore_eos": True}


def test_reader_that_goes_away_frees_its_slot(server: RunningServer) -> None:
    with server.client.stream("POST", "/v1/completions", json={**WITHOUT_END, "stream": True}) as answer:
        next(answer.iter_lines())
        wait_until(lambda: not server.idle(), "a heartbeat tells that it runs", 20)
    wait_until(server.idle, "the slot is free again", 20)


def test_waiter_that_goes_away_frees_its_slot(server: RunningServer) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server.url}/v1/completions", json=WITHOUT_END, timeout=1.0)
    wait_until(server.idle, "the slot is free again", 20)
