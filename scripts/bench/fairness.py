"""One user's time to first token while another user has 200 requests.

    python -m scripts.bench.fairness                        # long streams
    python -m scripts.bench.fairness --prompt-words 3500    # long prompts

The server tells the users apart by their addresses (127.0.0.1 and 127.0.0.2). The light user sends one request after
the other, first to an idle server, then while the heavy user's requests fill all slots and the queue.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from pathlib import Path
from typing import Self

import aiohttp

from scripts.bench.measurements.outcome import Outcome
from scripts.bench.servers.contenders import NEXA, Setting, running
from scripts.bench.workloads.client import REQUEST_TIMEOUT_S, BenchClient

HEAVY, LIGHT = "127.0.0.1", "127.0.0.2"
HEAVY_TOKENS, LIGHT_TOKENS = 400, 8
RUNNING_FIRST = 8
"""The light user begins once this many of the heavy user's requests stream."""

WORDS = ("river", "stone", "light", "garden", "seven", "window", "quiet", "road", "paper", "green", "under", "bread")
BATCH_TOKENS = 512
"""A worker's largest batch of prompt tokens."""


def heavy_prompt(number: int, words: int) -> list[dict[str, str]]:
    """The messages of one of the heavy user's requests, each with another text of ``words`` words."""
    text = " ".join(random.Random(number).choices(WORDS, k=words))
    return [{"role": "user", "content": f"Write story {number}. {text}".strip()}]


class AddressedClient(BenchClient):
    """A client whose connections come from the given address of this machine."""

    def __init__(self, url: str, model: str, address: str) -> None:
        super().__init__(url, model)
        self._address = address

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0, local_addr=(self._address, 0)),
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S),
        )
        return self


async def ask_in_turn(client: BenchClient, count: int, name: str) -> list[Outcome]:
    """Send the light user's requests, each with a different question."""
    outcomes = []
    for number in range(count):
        question = f"{name} {number}: what is {number} and {number}? Say it in words."
        outcome = await client.stream([{"role": "user", "content": question}], LIGHT_TOKENS)
        if outcome.error:
            raise SystemExit(f"a request failed: {outcome.error}")
        outcomes.append(outcome)
    return outcomes


async def beside(
    heavy: BenchClient, light: BenchClient, requests: int, count: int, words: int
) -> tuple[list[Outcome], list[Outcome]]:
    """The light user's outcomes beside the heavy user's requests, and those of the heavy user."""
    outcomes = [Outcome(time.monotonic()) for _ in range(requests)]
    tasks = [
        asyncio.ensure_future(heavy.stream_into(outcome, heavy_prompt(number, words), HEAVY_TOKENS, ignore_eos=True))
        for number, outcome in enumerate(outcomes)
    ]
    first = 1 if words else RUNNING_FIRST
    try:
        while sum(len(outcome.arrived_at_s) > 1 for outcome in outcomes) < first:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        asked = await ask_in_turn(light, count, "beside")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return asked, outcomes


async def prompt_step_s(heavy: BenchClient, words: int) -> float:
    """The mean time of a step that computes a long prompt on an idle server."""
    outcome = await heavy.stream(heavy_prompt(-1, words), 2, ignore_eos=True)
    return outcome.ttft_s / -(-outcome.prompt_tokens // BATCH_TOKENS)


async def measure(url: str, requests: int, count: int, words: int) -> None:
    """Measure one server and print its figures."""
    async with AddressedClient(url, "", HEAVY) as heavy, AddressedClient(url, "", LIGHT) as light:
        await ask_in_turn(light, 2, "warm-up")
        idle = [outcome.ttft_s for outcome in await ask_in_turn(light, count, "idle")]
        step_s = await prompt_step_s(heavy, words) if words else 0.0
        asked, flood = await beside(heavy, light, requests, count, words)
    busy = [outcome.ttft_s for outcome in asked]
    gaps = [gap for outcome in flood for gap in outcome.gaps_s]
    step_s = step_s or statistics.median(gaps)
    limit_s = 2 * statistics.median(idle) + step_s
    print(f"TTFT on an idle server:          median {_ms(statistics.median(idle))}, worst {_ms(max(idle))}")
    print(f"TTFT beside {requests} requests:        median {_ms(statistics.median(busy))}, worst {_ms(max(busy))}")
    print(f"a step of the busy server:       {_ms(step_s)}")
    print(f"twice idle and one step:         {_ms(limit_s)}")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def main() -> None:
    """Start a server, measure it and stop it."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.fairness", description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--requests", type=int, default=200, help="number of the heavy user's requests")
    parser.add_argument("--prompt-words", type=int, default=0, help="words of each of the heavy user's prompts")
    parser.add_argument("--count", type=int, default=10, help="number of the light user's requests")
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--context", type=int, default=0, help="tokens (default: 2048, or 8192 with --prompt-words)")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    options.context = options.context or (8192 if options.prompt_words else 2048)
    setting = Setting(Path(options.model), options.threads, options.context, options.slots)
    with running(NEXA, setting) as url:
        asyncio.run(measure(url, options.requests, options.count, options.prompt_words))


if __name__ == "__main__":
    main()
