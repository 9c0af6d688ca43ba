"""Users who each talk to one model, and send the next request when the last one is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.bench.measurements.figures import percentile
from scripts.bench.measurements.outcome import Outcome
from scripts.bench.workloads.client import BenchClient
from scripts.bench.workloads.prompts import Prompts, user


@dataclass(frozen=True, slots=True)
class Load:
    """What the users do: the models, in turn one user each; requests of each user; and tokens of each answer."""

    models: tuple[str, ...]
    users: int
    requests: int
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Turns:
    """What a server did: seconds until all was answered, models loaded, and each request's wait for its first text."""

    total_s: float
    loads: int
    waits_s: tuple[float, ...]
    tokens: int
    failures: int
    first_error: str = ""

    def wait_s(self, percent: float) -> float:
        """The wait that so many percent of the requests do not exceed."""
        return percentile(self.waits_s, percent) or 0.0


def drive(url: str, load: Load, seed: str) -> tuple[float, list[Outcome]]:
    """Run all users at once; returns the seconds until the last answer, and how each request went."""
    began_at_s = time.monotonic()
    outcomes = asyncio.run(_all(url, load, seed))
    return time.monotonic() - began_at_s, outcomes


def turns_of(total_s: float, loads: int, outcomes: Sequence[Outcome]) -> Turns:
    """The figures of a run."""
    answered = [one for one in outcomes if not one.error]
    errors = [one.error for one in outcomes if one.error]
    waits_s = tuple(one.ttft_s for one in answered)
    return Turns(total_s, loads, waits_s, sum(one.tokens for one in answered), len(errors), errors[0] if errors else "")


async def _all(url: str, load: Load, seed: str) -> list[Outcome]:
    talks = [_talk(url, load, load.models[at % len(load.models)], f"{seed}.{at}") for at in range(load.users)]
    return [outcome for outcomes in await asyncio.gather(*talks) for outcome in outcomes]


async def _talk(url: str, load: Load, model: str, seed: str) -> list[Outcome]:
    prompts = Prompts(seed)
    outcomes = []
    async with BenchClient(url, model) as client:
        for _ in range(load.requests):
            outcomes.append(await client.stream([user(prompts.story())], load.max_tokens, ignore_eos=True))
    return outcomes
