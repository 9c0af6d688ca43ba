"""A prompt with several choices counts once, by its first choice, wherever tokens are shown."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.event_stream import chunks_in
from tests.support.router.client import CHAT, COMPLETION, ask, post
from tests.support.router.fake_broker import FakeBroker
from tests.support.router.metrics import scraped
from tests.support.router.traced import Traced
from tests.support.router.watched_broker import WatchedBroker

PROMPT, CACHED, TOKENS = 7, 3, 2
"""What each job of the broker reports."""

USAGE = {
    "prompt_tokens": PROMPT,
    "completion_tokens": 3 * TOKENS,
    "total_tokens": PROMPT + 3 * TOKENS,
    "prompt_tokens_details": {"cached_tokens": CACHED},
    "completion_tokens_details": {"reasoning_tokens": 0},
}


def three_choices(broker: FakeBroker, path: str = "/v1/completions", **changes: Any) -> httpx.Response:
    body = COMPLETION if path == "/v1/completions" else CHAT
    response = post(broker, path, {**body, "n": 3, **changes})
    assert response.status_code == 200
    return response


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/chat/completions"])
def test_in_answers(path: str) -> None:
    assert three_choices(FakeBroker(), path).json()["usage"] == USAGE
    streamed = three_choices(FakeBroker(), path, stream=True, stream_options={"include_usage": True})
    assert chunks_in(streamed.text)[-1]["usage"] == USAGE


def test_in_the_usage_of_keys() -> None:
    broker = FakeBroker()
    three_choices(broker)
    (row,) = ask(broker, "GET", "/v1/usage").json()["data"]
    counts = {name: row[name] for name in ("requests", "prompt_tokens", "cached_tokens", "completion_tokens")}
    assert counts == {
        "requests": 1,
        "prompt_tokens": PROMPT,
        "cached_tokens": CACHED,
        "completion_tokens": 3 * TOKENS,
    }


def test_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="nexa.request"):
        three_choices(FakeBroker())
    (line,) = [vars(record) for record in caplog.records if record.name == "nexa.request"]
    assert (line["prompt_tokens"], line["cached_tokens"], line["completion_tokens"]) == (PROMPT, CACHED, 3 * TOKENS)


def test_in_metrics() -> None:
    broker = WatchedBroker()
    three_choices(broker)
    seen = scraped(broker)
    assert seen['nexa_prompt_tokens_total{model="smol"}'] == PROMPT
    assert seen['nexa_cached_prompt_tokens_total{model="smol"}'] == CACHED
    assert seen['nexa_generation_tokens_total{model="smol"}'] == 3 * TOKENS


def test_in_traces() -> None:
    traced = Traced()
    three_choices(traced.broker)
    attributes = traced.request_span.attributes or {}
    assert attributes["gen_ai.usage.input_tokens"] == PROMPT
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == CACHED
    assert attributes["gen_ai.usage.output_tokens"] == 3 * TOKENS


def test_several_prompts_count_each_once() -> None:
    usage = three_choices(FakeBroker(), prompt=["a", "b"]).json()["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (2 * PROMPT, 2 * 3 * TOKENS)
