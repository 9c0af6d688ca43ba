"""The second turn of a long chat, with what is kept of the first and without: time to the first token, cached tokens.

    python -m scripts.bench.prefixes [--models random-tiny-hybrid-q8_0,gemma3-270m-base] [--tokens 4000] [--rounds 3]

By default one model of each family that cannot go back in a text: recurrent, hybrid, and with sliding windows only.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scripts.bench.speed_page.measured import write_table
from scripts.make_gguf.shapes.making import PREFIX, random_model
from shared.hub.store import ModelStore
from shared.models.resolution import resolve
from shared.settings.placement import LlamaCppOptions
from shared.wire.jobs import Sampling, TextJob
from shared.wire.payloads import Payload, Started, Tokens
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions

MODELS = "random-tiny-recurrent-q8_0,random-tiny-hybrid-q8_0,random-tiny-swa-q8_0"
HEADING = ["model", "swa_full", "prompt", "cached", "first token cold, s", "second turn, s", "ratio (spread)"]
WORDS = ["the", "fox", "met", "a", "crow", "that", "held", "some", "cheese", "and", "asked", "it", "to", "sing"]
ANSWER_TOKENS = 32


@dataclass(frozen=True, slots=True)
class Asked:
    """The answer to a prompt of ``prompt_tokens``, of which ``cached_tokens`` were cached."""

    text: str
    prompt_tokens: int
    cached_tokens: int
    ttft_s: float


def main() -> int:
    """Measure, print and keep the table; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench.prefixes", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--models", default=MODELS, help="names, with commas; random ones are made if need be")
    parser.add_argument("--tokens", type=int, default=4000, help="length of the first prompt")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--swa-full", default="off", choices=("auto", "on", "off"))
    options = parser.parse_args()
    table = [HEADING]
    for name in options.models.split(","):
        table.append(_row(name, options))
        print(" | ".join(table[-1]), flush=True)
    write_table("prefixes", table, "Medians of interleaved rounds.", "python -m scripts.bench.prefixes")
    return 0


def _row(name: str, options: argparse.Namespace) -> list[str]:
    """Cold and warm turns in turns: the cold engine gets the second prompt with nothing kept."""
    warm, cold = _engine(name, options, 1000 * 1000 * 1000), _engine(name, options, 0)
    pairs = []
    try:
        for number in range(options.rounds):
            first = [_user(_text(number, options.tokens))]
            answer = _ask(warm, first)
            second = [*first, {"role": "assistant", "content": answer.text}, _user(_text(number + 100, 40))]
            cold._cache.clear_kept()
            pairs.append((_ask(cold, second), _ask(warm, second)))
    finally:
        warm.close()
        cold.close()
    ratios = sorted(again.ttft_s / before.ttft_s for before, again in pairs)
    kept = pairs[-1][1]
    return [
        name,
        options.swa_full,
        f"{kept.prompt_tokens:,}",
        f"{kept.cached_tokens / kept.prompt_tokens:.1%}",
        f"{statistics.median(before.ttft_s for before, _ in pairs):.3f}",
        f"{statistics.median(again.ttft_s for _, again in pairs):.3f}",
        f"{statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})",
    ]


def _engine(name: str, options: argparse.Namespace, cache_bytes: int) -> LlamaEngine:
    path = str(random_model(name, print) if name.startswith(PREFIX) else _resolved(name))
    native = LlamaCppOptions(swa_full=options.swa_full)
    context = options.tokens * 2
    given = LlamaOptions(path, options.threads, 4, context, cache_bytes=cache_bytes, native=native)
    engine = LlamaEngine(given)
    engine.load(lambda fraction: None)
    return engine


def _resolved(name: str) -> Path:
    return Path(name) if Path(name).exists() else Path(resolve(name, ModelStore()).path)


def _text(seed: int, tokens: int) -> str:
    random = np.random.default_rng(seed)
    return " ".join(random.choice(WORDS, tokens * 9 // 10))


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def _ask(engine: LlamaEngine, messages: list[dict[str, str]]) -> Asked:
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


if __name__ == "__main__":
    sys.exit(main())
