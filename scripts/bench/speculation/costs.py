"""What a step of several tokens costs, and how often drafts must be right to be worth it: a bare loop, no server.

    python -m scripts.bench.speculation.costs --models random-1b-q4_0,random-1b-q4_k_m --draft random-100m-q4_0

Each model is loaded with and without repacked weights. All take turns, so that other work slows all alike.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from scripts.bench.speed_page.measured import write_table
from scripts.make_gguf.scaled import file_of
from shared.settings.placement import LlamaCppOptions
from workers.llama.native.context import LlamaContext
from workers.llama.native.model import LlamaModel
from workers.text.model import BatchSlice

SIZES = (1, 2, 3, 4, 5, 6, 8, 12, 16)
PROMPT = 256
NOTE = (
    "A step of so many tokens of one sequence after 256, as a multiple of one with a single token. The last columns are"
    " the acceptance from which drafts gain, with the best number of them: looked up, and from the draft model."
)


@dataclass(slots=True)
class Loaded:
    """A model after a prompt, and how long its steps took, in seconds by their number of tokens."""

    name: str
    model: LlamaModel
    context: LlamaContext
    taken_s: dict[int, list[float]] = field(default_factory=dict)

    def step(self, tokens: list[int], counts: bool) -> None:
        """Compute tokens after the prompt, and forget them."""
        began_at_s = time.perf_counter()
        self.context.decode([BatchSlice(0, PROMPT, tokens, len(tokens))])
        if counts:
            self.taken_s.setdefault(len(tokens), []).append(time.perf_counter() - began_at_s)
        self.context.memory.cut(0, PROMPT, PROMPT + len(tokens))

    @property
    def single_s(self) -> float:
        """A step of one token."""
        return statistics.median(self.taken_s[1])

    def cost(self, tokens: int) -> float:
        """A step of so many tokens, as a multiple of one of a single token."""
        pairs = zip(self.taken_s[tokens], self.taken_s[1], strict=True)
        return statistics.median(many / one for many, one in pairs)

    def close(self) -> None:
        """Free it."""
        self.context.close()
        self.model.close()


def loaded(name: str, repack: str) -> Loaded:
    """A model by the name of its file or its shape, after its prompt."""
    model = LlamaModel(file_of(name), LlamaCppOptions(repack=repack), lambda _fraction: None)
    context = LlamaContext(model.native, model.vocabulary, 1024, 1, PROMPT, len(os.sched_getaffinity(0)))
    context.decode([BatchSlice(0, 0, _tokens(model, PROMPT), 1)])
    return Loaded(f"{Path(name).name.removesuffix('.gguf')}, {_kind(repack)}", model, context)


def break_even(costs: dict[int, float], draft: float) -> tuple[float, int]:
    """The lowest acceptance from which drafts save time, and their number then.

    ``costs`` are those of steps by their number of tokens, ``draft`` is that of one step of the draft model: both as
    multiples of a step of one token. An acceptance of 1 with 0 drafts: they never do.
    """
    best = (1.0, 0)
    for tokens, cost in costs.items():
        for percent in range(1, 100):
            likely = percent / 100
            if tokens > 1 and sum(likely**place for place in range(tokens)) > cost + (tokens - 1) * draft:
                best = min(best, (likely, tokens - 1))
                break
    return best


def measure(models: list[str], draft: str, rounds: int) -> list[list[str]]:
    """The rows of the table; the last one is the draft model."""
    all_loaded = [loaded(name, repack) for name in models for repack in ("on", "off")]
    drafting = loaded(draft, "on")
    all_loaded.append(drafting)
    for turn in range(rounds + 1):
        for size in SIZES:
            for each in all_loaded:
                each.step(_tokens(each.model, size), counts=turn > 0)
    rows = [_row(each, drafting) for each in all_loaded]
    for each in all_loaded:
        each.close()
    return rows


def _row(each: Loaded, drafting: Loaded) -> list[str]:
    costs = {size: each.cost(size) for size in SIZES}
    row = [each.name, f"{1000 * each.single_s:.1f}", *(f"{costs[size]:.2f}" for size in SIZES[1:])]
    for draft in (0.0, drafting.single_s / each.single_s):
        likely, count = break_even(costs, draft)
        row.append("" if each is drafting else f"{likely:.2f} ({count})" if count else "none")
    print(" | ".join(row), flush=True)
    return row


def _kind(repack: str) -> str:
    return "repacked" if repack == "on" else "plain"


def _tokens(model: LlamaModel, count: int) -> list[int]:
    return [int(token) for token in np.random.default_rng(count).integers(1000, model.vocabulary.size, count)]


def main(words: list[str] | None = None) -> int:
    """Measure, print and keep the table; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bench.speculation.costs", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--models", required=True, metavar="GGUF,...")
    parser.add_argument("--draft", required=True, metavar="GGUF")
    parser.add_argument("--rounds", type=int, default=7)
    given = sys.argv[1:] if words is None else words
    options = parser.parse_args(given)
    rows = measure(options.models.split(","), options.draft, options.rounds)
    heading = ["model", "one token, ms", *map(str, SIZES[1:]), "looked up from", "draft model from"]
    command = f"python -m scripts.bench.speculation.costs {' '.join(given)}"
    write_table("speculation-costs", [heading, *rows], NOTE, command)
    return 0


if __name__ == "__main__":
    sys.exit(main())
