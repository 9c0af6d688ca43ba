"""A request that kills its workers, beside honest ones."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import openai
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
    convicted = poisonable.output().count("request kills workers")
    prompts = [f"first{number} second third fourth" for number in range(HONEST)]
    with ThreadPoolExecutor(HONEST + 1) as pool:
        honest = [pool.submit(_streamed, poisonable, prompt) for prompt in prompts[::2]]
        wait_until(lambda: sum(row["running"] for row in poisonable.workers()) == len(honest), "half of them run")
        poison = pool.submit(_killing, poisonable, f"poison:{token}")
        honest += [pool.submit(_streamed, poisonable, prompt) for prompt in prompts[1::2]]
        assert poison.result() == "worker_died"
        for prompt, text in zip(prompts[::2] + prompts[1::2], honest, strict=True):
            assert text.result().split() == (prompt.split() * TOKENS)[:TOKENS]
    assert poisonable.output().count("request kills workers") == convicted + 1  # it was not sent again
    wait_until(poisonable.idle, "nothing is left")


def _streamed(server: RunningServer, prompt: str) -> str:
    chunks = server.stream("/v1/completions", {"prompt": prompt, "max_tokens": TOKENS})
    return "".join(chunk["choices"][0]["text"] for chunk in chunks if chunk["choices"])


def _killing(server: RunningServer, prompt: str) -> str | None:
    """The code of the error that OpenAI's client gets, which sends requests again that the server failed on."""
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="x", timeout=120)
    with client, pytest.raises(openai.InternalServerError) as caught:
        client.completions.create(model="echo", prompt=prompt, max_tokens=TOKENS)
    return caught.value.code
