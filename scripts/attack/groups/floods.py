"""One user's floods of requests that are all allowed, beside the small ones of others."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from scripts.attack.registry import attack
from scripts.attack.target import Target, counted, post

MODEL = ("smollm2",)
REQUESTS = 200
FLOOD_S = 20.0
"""The attacker leaves after this time."""
WORDS = ("river", "stone", "light", "garden", "seven", "window", "quiet", "road", "paper", "green", "under", "bread")


@attack("long-prompts", f"{REQUESTS} prompts of 3,500 words", MODEL)
async def long_prompts(target: Target) -> str:
    return await _flood(target, words=3500, max_tokens=5)


@attack("long-streams", f"{REQUESTS} answers of 2,000 tokens", MODEL)
async def long_streams(target: Target) -> str:
    return await _flood(target, words=5, max_tokens=2000)


async def _flood(target: Target, words: int, max_tokens: int) -> str:
    """Send the requests all at once; those that are not answered in time are left."""
    async with target.session() as session:
        tasks = [
            asyncio.create_task(post(session, "/v1/completions", _body(number, words, max_tokens)))
            for number in range(REQUESTS)
        ]
        done, left = await asyncio.wait(tasks, timeout=FLOOD_S)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
    return counted([*(task.result() for task in done), *("left" for _ in left)])


def _body(number: int, words: int, max_tokens: int) -> dict[str, Any]:
    text = " ".join(random.Random(number).choices(WORDS, k=words))
    return {"prompt": f"{number} {text}", "max_tokens": max_tokens, "ignore_eos": True}
