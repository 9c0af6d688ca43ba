"""Chats of text with a model that has a projector, and with the same model without: speed, and what is reused."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.bench.media.engines import ask, said
from scripts.bench.prefixes.chats import text_of
from scripts.bench.speculation.comparing import run
from scripts.bench.speculation.tasks import CROWD, STORY, tasks
from workers.llama.engine import LlamaEngine

PROMPT_TOKENS = 600


@dataclass(frozen=True, slots=True)
class TextRound:
    """One round of one engine: tokens per second of one user and of many, seconds to the first token of two turns.

    ``cached`` is the share of the second turn's prompt that came from the cache.
    """

    story: float
    crowd: float
    first_s: float
    second_s: float
    cached: float


def text_round(engine: LlamaEngine, seed: int) -> TextRound:
    """One round; with equal seeds, two engines get the same.

    Raises:
        RuntimeError: a job failed.
    """
    speeds = {name: run(engine, tasks()[name]).tokens_per_s for name in (STORY, CROWD)}
    messages = [said("user", text_of(seed, PROMPT_TOKENS))]
    first = ask(engine, messages)
    second = ask(engine, [*messages, said("assistant", first.text), said("user", text_of(seed + 1000, 40))])
    cached = second.cached_tokens / second.prompt_tokens
    return TextRound(speeds[STORY], speeds[CROWD], first.ttft_s, second.ttft_s, cached)


def text_rounds(plain: LlamaEngine, seeing: LlamaEngine, rounds: int) -> list[tuple[TextRound, TextRound]]:
    """Rounds of both engines, in turns; the first pass, with cold caches, does not count.

    Raises:
        RuntimeError: a job failed.
    """
    found: list[tuple[TextRound, TextRound]] = []
    for turn in range(-1, rounds):
        order = (plain, seeing) if turn % 2 == 0 else (seeing, plain)
        measured = {id(engine): text_round(engine, 7000 + turn) for engine in order}
        if turn >= 0:
            found.append((measured[id(plain)], measured[id(seeing)]))
    return found
