"""A request that kills its workers, beside honest ones."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support.running_server import RunningServer, running, wait_until
from workers.testing.poison import POISON_VARIABLE

HONEST = 16
TOKENS = 60


@pytest.fixture(scope="module")
def poisonable() -> Iterator[RunningServer]:
    """``nexa server echo:0.02``, on which a prompt can kill its worker. There is only one, which all requests need."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(POISON_VARIABLE, "poison")
        with running("echo:0.02") as server:
            yield server


@pytest.mark.parametrize("token", [0, 5], ids=["at its beginning", "in mid-generation"])
def test_only_the_request_that_kills_fails(poisonable: RunningServer, token: int) -> None:
    prompts = [f"first{number} second third fourth" for number in range(HONEST)]
    with ThreadPoolExecutor(HONEST + 1) as pool:
        honest = [pool.submit(_streamed, poisonable, prompt) for prompt in prompts[::2]]
        wait_until(lambda: sum(row["running"] for row in poisonable.workers()) == len(honest), "half of them run")
        poison = pool.submit(_post, poisonable, f"poison:{token}")
        honest += [pool.submit(_streamed, poisonable, prompt) for prompt in prompts[1::2]]
        _check_failed(poison)
        for prompt, text in zip(prompts[::2] + prompts[1::2], honest, strict=True):
            assert text.result().split() == (prompt.split() * TOKENS)[:TOKENS]
    wait_until(poisonable.idle, "nothing is left")


def _check_failed(poison: Future[httpx.Response]) -> None:
    answer = poison.result()
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (500, "worker_died"), error


def _streamed(server: RunningServer, prompt: str) -> str:
    chunks = server.stream("/v1/completions", {"prompt": prompt, "max_tokens": TOKENS})
    return "".join(chunk["choices"][0]["text"] for chunk in chunks if chunk["choices"])


def _post(server: RunningServer, prompt: str) -> httpx.Response:
    body: dict[str, Any] = {"prompt": prompt, "max_tokens": TOKENS}
    return server.client.post("/v1/completions", json=body)
