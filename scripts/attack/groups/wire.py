"""Requests that are as large as allowed."""

from __future__ import annotations

import asyncio

from scripts.attack.registry import attack
from scripts.attack.target import Target, counted, post

LARGEST_BYTES = 2_000_000 - 1000
"""Just below the default of ``--max-text-bytes``."""


@attack("largest-prompts", "4 prompts just below the largest text, each with n=16")
async def largest_prompts(target: Target) -> str:
    body = {"prompt": "a " * (LARGEST_BYTES // 2), "n": 16, "max_tokens": 1}
    async with target.session() as session:
        return counted(await asyncio.gather(*(post(session, "/v1/completions", body) for _ in range(4))))
