"""What a token costs at a depth: of a prompt and of an answer, by the engine and in a bare loop on the same decoder."""

from __future__ import annotations

import time
from dataclasses import dataclass

from scripts.bench.depth.engines import BATCH_TOKENS, DeepEngine
from shared.wire.jobs import Sampling, TextJob
from shared.wire.payloads import Done, Failed, Tokens
from workers.engine import EngineJob
from workers.text.model import BatchSlice

ANSWER_TOKENS = 8


@dataclass(frozen=True, slots=True)
class TokenCosts:
    """Seconds for a token of a prompt and for one of an answer."""

    prompt_s: float
    answer_s: float


def by_engine(deep: DeepEngine, depth: int, tokens: int) -> TokenCosts:
    """A prompt of ``depth`` cached tokens and so many new ones, and an answer.

    Raises:
        RuntimeError: the engine failed.
    """
    deep.fill(depth)
    job = TextJob(
        prompt_tokens=deep.prompt(depth + tokens),
        sampling=Sampling(temperature=0),
        max_tokens=ANSWER_TOKENS + 1,
        ignore_eos=True,
    )
    began_at_s = time.perf_counter()
    arrived_at_s: list[float] = []
    deep.engine.submit(EngineJob("deep", job, []))
    while deep.engine.has_work():
        for _, payload in deep.engine.step():
            if isinstance(payload, Failed):
                raise RuntimeError(payload.message)
            if isinstance(payload, Done):
                cached = payload.cached_tokens
            if isinstance(payload, Tokens):
                arrived_at_s += [time.perf_counter()] * len(payload.token_ids)
    if cached < depth:
        raise RuntimeError(f"expected {depth} cached tokens, got {cached}")
    answered_s = arrived_at_s[-1] - arrived_at_s[0]
    return TokenCosts((arrived_at_s[0] - began_at_s) / tokens, answered_s / (len(arrived_at_s) - 1))


def in_bare_loop(deep: DeepEngine, depth: int, tokens: int) -> TokenCosts:
    """The same without the engine: batches are decoded, and the likeliest token goes on."""
    deep.fill(depth)
    memory, decoder, prompt = deep.decoder.memory, deep.decoder, deep.prompt(depth + tokens)
    for kept in deep.engine._cache._kept:
        memory.copy_prefix(kept, deep.spare, depth)
    began_at_s = time.perf_counter()
    for start in range(depth, depth + tokens, BATCH_TOKENS):
        part = prompt[start : start + BATCH_TOKENS]
        logits = decoder.decode([BatchSlice(deep.spare, start, part, int(start + len(part) == depth + tokens))])
    token = int(logits[-1].argmax())
    first_at_s = time.perf_counter()
    for position in range(depth + tokens, depth + tokens + ANSWER_TOKENS):
        token = int(decoder.decode([BatchSlice(deep.spare, position, [token], 1)])[-1].argmax())
    ended_at_s = time.perf_counter()
    memory.remove(deep.spare)
    return TokenCosts((first_at_s - began_at_s) / tokens, (ended_at_s - first_at_s) / ANSWER_TOKENS)
