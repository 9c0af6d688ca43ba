"""Long chats with one engine, without a server around it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from shared.wire.jobs import Sampling, TextJob
from shared.wire.payloads import Payload, Started, Tokens
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine

WORDS = ["the", "fox", "met", "a", "crow", "that", "held", "some", "cheese", "and", "asked", "it", "to", "sing"]
ANSWER_TOKENS = 32

Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """The answer to a prompt of ``prompt_tokens``, of which ``cached_tokens`` were cached."""

    text: str
    prompt_tokens: int
    cached_tokens: int
    ttft_s: float


def text_of(seed: int, tokens: int) -> str:
    """Words that come to about so many tokens."""
    random = np.random.default_rng(seed)
    return " ".join(random.choice(WORDS, tokens * 9 // 10))


def said(text: str) -> Message:
    """A message of the user."""
    return {"role": "user", "content": text}


def next_turn(first: list[Message], answer: Asked, seed: int) -> list[Message]:
    """The chat with the model's answer and a short further message."""
    return [*first, {"role": "assistant", "content": answer.text}, said(text_of(seed, 40))]


def ask(engine: LlamaEngine, messages: list[Message]) -> Asked:
    """Let a model answer a chat, and wait for the end."""
    job = TextJob(messages=messages, sampling=Sampling(temperature=0), max_tokens=ANSWER_TOKENS, ignore_eos=True)
    events: list[tuple[float, Payload]] = []
    began_at_s = time.monotonic()
    engine.submit(EngineJob("asked", job, []))
    while engine.has_work():
        events += [(time.monotonic(), payload) for _, payload in engine.step()]
    started = next(payload for _, payload in events if isinstance(payload, Started))
    first_s = next(at_s for at_s, payload in events if isinstance(payload, Tokens))
    text = "".join(payload.text for _, payload in events if isinstance(payload, Tokens))
    return Asked(text, started.prompt_tokens, started.cached_tokens, first_s - began_at_s)
