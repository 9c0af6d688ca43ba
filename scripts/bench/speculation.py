"""Tokens per second with speculation and without: one user and many, in one process, in turns.

    python -m scripts.bench.speculation --model random-1b-q4_k_m --draft random-100m-q4_k_m
    python -m scripts.bench.speculation --model smollm2.gguf

A user who repeats a text has much to look up, one who tells a story has little, and with many users a step is full.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.speed_page.measured import write_table
from scripts.make_gguf.shapes.making import random_model
from shared.settings.placement import LlamaCppOptions
from shared.settings.text.speculation import Speculate
from shared.wire.jobs import Sampling, TextJob
from shared.wire.payloads import Failed, Tokens
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions
from workers.text.speculation.options import SpeculationOptions

CODE = """
def total(prices, taxes):
    result = 0
    for price, tax in zip(prices, taxes):
        result += price * (1 + tax)
    return result

class Basket:
    def __init__(self):
        self.items = []

    def add(self, name, price, tax=0.2):
        self.items.append((name, price, tax))

    def total(self):
        return total([item[1] for item in self.items], [item[2] for item in self.items])
"""
USERS = 16
HEADING = ["task", "off, tokens/s", "on, tokens/s", "on/off, median (least to most)", "drafts accepted", "same texts"]


@dataclass(frozen=True, slots=True)
class Speed:
    """What one run gave: tokens per second from the first token on, the tokens of each answer."""

    tokens_per_s: float
    answers: list[list[int]]


def tasks() -> dict[str, list[TextJob]]:
    """The jobs of each task, all submitted at once."""
    copy = TextJob(
        messages=[{"role": "user", "content": f"Repeat this code exactly, with no changes:\n```python{CODE}```"}],
        sampling=Sampling(temperature=0),
        max_tokens=160,
    )
    return {
        "one user, a text repeated": [copy],
        "one user, a story": [_story(0, 0.0, 96)],
        "one user, a story at temperature 0.8": [_story(1, 0.8, 96)],
        f"{USERS} users, stories at temperature 0.8": [_story(user, 0.8, 48) for user in range(USERS)],
    }


def _story(seed: int, temperature: float, tokens: int) -> TextJob:
    sampling = Sampling(temperature=temperature, seed=seed)
    return TextJob(prompt=f"Story {seed}: Once upon a time", sampling=sampling, max_tokens=tokens, ignore_eos=True)


@contextmanager
def opened(path: str, speculation: SpeculationOptions) -> Iterator[LlamaEngine]:
    """An engine on the CPU, on all cores."""
    native = LlamaCppOptions(gpu_layers=0)
    threads = len(os.sched_getaffinity(0))
    options = LlamaOptions(path, threads, slots=USERS, context_tokens=2048, native=native, speculation=speculation)
    engine = LlamaEngine(options)
    engine.load(lambda _fraction: None)
    try:
        yield engine
    finally:
        engine.close()


def run(engine: LlamaEngine, jobs: list[TextJob]) -> Speed:
    """Run jobs to their ends."""
    answers: dict[str, list[int]] = {f"job {index}": [] for index in range(len(jobs))}
    for job_id, job in zip(answers, jobs, strict=True):
        engine.submit(EngineJob(job_id, job))
    first_at_s = 0.0
    while engine.has_work():
        for job_id, payload in engine.step():
            if isinstance(payload, Failed):
                raise RuntimeError(payload.message)
            if isinstance(payload, Tokens):
                first_at_s = first_at_s or time.perf_counter()
                answers[job_id] += payload.token_ids
    generated = sum(map(len, answers.values()))
    return Speed(generated / (time.perf_counter() - first_at_s), list(answers.values()))


def compare(path: str, speculation: SpeculationOptions, rounds: int, only: str) -> list[list[str]]:
    """The rows of a table: each task, its speed without and with drafts, their ratio, and whether texts are equal."""
    rows = [
        ["task", "off, tokens/s", "on, tokens/s", "on/off, median (least to most)", "drafts accepted", "same texts"]
    ]
    with opened(path, SpeculationOptions()) as plain, opened(path, speculation) as speculating:
        for name, jobs in tasks().items():
            if only not in name:
                continue
            run(plain, jobs), run(speculating, jobs)  # prompts are cached from now on
            before, pairs = speculating.stats(), list[tuple[Speed, Speed]]()
            for turn in range(rounds):
                order = (plain, speculating) if turn % 2 == 0 else (speculating, plain)
                speeds = {id(engine): run(engine, jobs) for engine in order}
                pairs.append((speeds[id(plain)], speeds[id(speculating)]))
            after = speculating.stats()
            drafted = after.drafted_tokens - before.drafted_tokens
            accepted = after.accepted_tokens - before.accepted_tokens
            ratios = [on.tokens_per_s / off.tokens_per_s for off, on in pairs]
            rows.append(
                [
                    name,
                    f"{statistics.median(off.tokens_per_s for off, _ in pairs):.1f}",
                    f"{statistics.median(on.tokens_per_s for _, on in pairs):.1f}",
                    f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
                    f"{accepted} of {drafted}",
                    "yes" if all(off.answers == on.answers for off, on in pairs) else "no",
                ]
            )
            print(" | ".join(rows[-1]), flush=True)
    return rows


def file_of(name: str) -> str:
    """The file of a model; a model of random weights (:mod:`scripts.make_gguf.shapes`) is made if need be."""
    return (
        name if not name or Path(name).exists() else str(random_model(name, lambda said: print(said, file=sys.stderr)))
    )


def main(words: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.speculation", description=__doc__)
    parser.add_argument("--model", required=True, metavar="GGUF")
    parser.add_argument("--draft", default="", metavar="GGUF", help="a draft model (default: only what is looked up)")
    parser.add_argument("--draft-tokens", type=int, default=16, metavar="N", help="longest draft (default 16)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", metavar="TEXT", help="only tasks whose name has this")
    parser.add_argument("--table", default="", metavar="NAME", help="keep the table for docs/speed.md")
    options = parser.parse_args(words)
    how = Speculate.AUTO if options.draft else Speculate.NGRAM
    speculation = SpeculationOptions(how, file_of(options.draft), options.draft_tokens)
    rows = compare(file_of(options.model), speculation, options.rounds, options.only)
    if options.table:
        name = Path(options.model).stem + (f" with {Path(options.draft).stem} as draft" if options.draft else "")
        command = f"python -m scripts.bench.speculation {' '.join(words or sys.argv[1:])}"
        write_table(options.table, rows, f"{name}.", command)
    return 0


if __name__ == "__main__":
    sys.exit(main())
