"""The engine's loop: processor time of its thread in a step, outside llama.cpp's computation."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import llama_cpp

from scripts.bench.overheads.rows import Row
from shared.settings.placement import LlamaCppOptions
from shared.wire.jobs import Sampling, TextJob
from shared.wire.payloads import Failed
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions
from workers.text.sampling.sampler import Sampler

WARM_STEPS, STEPS = 5, 40
TOPICS = ["a river", "a lamp", "an owl", "a bridge", "a clock", "a train", "a garden", "a letter"]


@dataclass(slots=True)
class Clock:
    """Thread time spent within what it wraps, in seconds."""

    spent_s: float = 0.0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*given: Any) -> Any:
            began_s = time.thread_time()
            try:
                return function(*given)
            finally:
                self.spent_s += time.thread_time() - began_s

        return timed


@dataclass(frozen=True, slots=True)
class TimedStep:
    """One step, in seconds: its duration, the thread's time outside the computation, and of that for drawing."""

    wall_s: float
    own_s: float
    drawing_s: float


def measure(path: str, name: str, threads: int, streams: list[int]) -> list[Row]:
    """Rows of a model with so many streams at once."""
    options = LlamaOptions(path, threads, max(streams), context_tokens=2048, native=LlamaCppOptions(gpu_layers=0))
    rows = []
    with _clocks() as (computing, drawing):
        engine = LlamaEngine(options)
        engine.load(lambda _fraction: None)
        try:
            for count in streams:
                rows.append(_row(name, count, _steps(engine, count, computing, drawing)))
        finally:
            engine.close()
    return rows


def _row(name: str, streams: int, steps: list[TimedStep]) -> Row:
    wall_s, own_s, drawing_s = (
        statistics.median(getattr(step, key) for step in steps) for key in ("wall_s", "own_s", "drawing_s")
    )
    figure = (
        f"{own_s / wall_s:.1%} of {wall_s * 1e3:.0f} ms: {own_s * 1e3:.2f} ms, of which drawing {drawing_s * 1e3:.2f}"
    )
    return Row(f"engine's loop, {name}, {streams} streams", figure, "4 %" if streams == 16 else "")


@contextmanager
def _clocks() -> Iterator[tuple[Clock, Clock]]:
    """Of llama.cpp's computation, and of drawing."""
    computing, drawing = Clock(), Clock()
    with (
        patch.object(llama_cpp, "llama_decode", computing.around(llama_cpp.llama_decode)),
        patch.object(Sampler, "sample", drawing.around(Sampler.sample)),
    ):
        yield computing, drawing


def _steps(engine: LlamaEngine, streams: int, computing: Clock, drawing: Clock) -> list[TimedStep]:
    """Steps in which each stream gets a token."""
    jobs = [f"{streams}-{number}" for number in range(streams)]
    for number, job_id in enumerate(jobs):
        topic = f"Write a story about {TOPICS[number % len(TOPICS)]} and the number {number}."
        messages = [{"role": "user", "content": topic}]
        sampling = Sampling(temperature=0.7, top_p=0.95, top_k=40, min_p=0.05, seed=number)
        engine.submit(EngineJob(job_id, TextJob(messages=messages, sampling=sampling, max_tokens=512, ignore_eos=True)))
    steps = list[TimedStep]()
    full = 0
    while full < WARM_STEPS + STEPS:
        computed_s, drawn_s, began_s, at_s = computing.spent_s, drawing.spent_s, time.thread_time(), time.monotonic()
        emitted = engine.step()
        engine.stats()
        thread_s, wall_s = time.thread_time() - began_s, time.monotonic() - at_s
        failed = next((event for _, event in emitted if isinstance(event, Failed)), None)
        if failed is not None:
            raise RuntimeError(failed.message)
        if len({job_id for job_id, _ in emitted}) == streams and computing.spent_s > computed_s:
            full += 1
            steps.append(TimedStep(wall_s, thread_s - (computing.spent_s - computed_s), drawing.spent_s - drawn_s))
    for job_id in jobs:
        engine.cancel(job_id)
    return steps[WARM_STEPS:]
