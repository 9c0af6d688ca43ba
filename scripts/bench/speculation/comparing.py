"""Tokens per second of one engine with speculation and one without, in turns."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scripts.bench.measurements.spread import spread
from scripts.bench.speculation.tasks import PREDICTED, tasks, with_prediction
from shared.settings.placement import LlamaCppOptions
from shared.wire.jobs import TextJob
from shared.wire.payloads import Failed, Tokens
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions
from workers.text.speculation.options import SpeculationOptions

SLOTS = 16
HEADING = ["task", "off, tokens/s", "on, tokens/s", "on/off, median (least to most)", "drafts accepted", "same texts"]


@dataclass(frozen=True, slots=True)
class Speed:
    """What one run gave: tokens per second from the first token on, the tokens and the text of each answer."""

    tokens_per_s: float
    answers: list[list[int]]
    texts: list[str]


@contextmanager
def opened(path: str, speculation: SpeculationOptions) -> Iterator[LlamaEngine]:
    """An engine on the CPU, on all cores."""
    native = LlamaCppOptions(gpu_layers=0)
    threads = len(os.sched_getaffinity(0))
    options = LlamaOptions(path, threads, slots=SLOTS, context_tokens=2048, native=native, speculation=speculation)
    engine = LlamaEngine(options)
    engine.load(lambda _fraction: None)
    try:
        yield engine
    finally:
        engine.close()


def run(engine: LlamaEngine, jobs: list[TextJob]) -> Speed:
    """Run jobs to their ends."""
    answers: dict[str, list[int]] = {f"job {index}": [] for index in range(len(jobs))}
    texts = dict.fromkeys(answers, "")
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
                texts[job_id] += payload.text
    generated = sum(map(len, answers.values()))
    return Speed(generated / (time.perf_counter() - first_at_s), list(answers.values()), list(texts.values()))


def compare(plain: LlamaEngine, speculating: LlamaEngine, name: str, rounds: int) -> list[str]:
    """The row of one task: its speed without and with drafts, their ratio, and whether the texts are equal."""
    jobs = tasks()[name]
    first = run(plain, jobs)
    if name == PREDICTED:
        jobs = with_prediction(jobs, first.texts)
    for engine in (speculating, plain, speculating):  # prompts are cached from now on, and the costs of steps are known
        run(engine, jobs)
    before, pairs = speculating.stats(), list[tuple[Speed, Speed]]()
    for turn in range(rounds):
        order = (plain, speculating) if turn % 2 == 0 else (speculating, plain)
        speeds = {id(engine): run(engine, jobs) for engine in order}
        pairs.append((speeds[id(plain)], speeds[id(speculating)]))
    after = speculating.stats()
    drafted = after.drafted_tokens - before.drafted_tokens
    accepted = after.accepted_tokens - before.accepted_tokens
    ratios = [on.tokens_per_s / off.tokens_per_s for off, on in pairs]
    return [
        name,
        f"{statistics.median(off.tokens_per_s for off, _ in pairs):.1f}",
        f"{statistics.median(on.tokens_per_s for _, on in pairs):.1f}",
        spread(ratios),
        f"{accepted} of {drafted}",
        "yes" if all(off.answers == on.answers for off, on in pairs) else "no",
    ]
