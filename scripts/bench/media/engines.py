"""Engines of the small pairs, the jobs that are given to them, and when their tokens came."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from scripts.bench.prefixes.chats import Asked
from scripts.make_media.cache import made
from shared.settings.placement import LlamaCppOptions
from shared.wire.jobs import Sampling, TextJob
from shared.wire.payloads import Failed, Started, Tokens
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions

CONTEXT_TOKENS, KV_TOKENS = 2048, 8192
PICTURE = "picture"

Messages = list[dict[str, Any]]


@contextmanager
def opened(pair: str, slots: int, with_projector: bool = True) -> Iterator[LlamaEngine]:
    """An engine on the CPU, on all cores."""
    files, threads = made(pair), len(os.sched_getaffinity(0))
    native = LlamaCppOptions(gpu_layers=0)
    mmproj = str(files.projector) if with_projector else ""
    path = str(files.model)
    options = LlamaOptions(path, threads, slots, CONTEXT_TOKENS, KV_TOKENS, native=native, mmproj=mmproj)
    engine = LlamaEngine(options)
    engine.load(lambda _fraction: None)
    try:
        yield engine
    finally:
        engine.close()


def picture_file(seed: int, side: int = 512) -> bytes:
    """A square picture unlike others."""
    target = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)).save(target, "PNG")
    return target.getvalue()


def question(system: str = "You describe pictures.") -> Messages:
    """A chat with one picture, the first of its job's files."""
    parts = [{"type": "text", "text": "Look at this:"}, {"type": "image", "blob": 0}]
    asked = {"role": "user", "content": [*parts, {"type": "text", "text": "\nWhat is it?"}]}
    return [{"role": "system", "content": system}, asked]


def said(role: str, text: str) -> dict[str, Any]:
    """A message of text."""
    return {"role": role, "content": text}


def greedy(messages: Messages, max_tokens: int) -> TextJob:
    """A job that generates so many tokens, always the likeliest ones."""
    return TextJob(messages=messages, sampling=Sampling(temperature=0), max_tokens=max_tokens, ignore_eos=True)


@dataclass(slots=True)
class Arrivals:
    """When a job was given (``sent_s``), and when its tokens came, one entry for each."""

    sent_s: float
    tokens_s: list[float]
    text: str = ""
    started: Started | None = None

    @property
    def ttft_s(self) -> float:
        """Seconds to the first token."""
        return self.tokens_s[0] - self.sent_s


class EngineClock:
    """Steps an engine, and notes when the tokens of each job came."""

    def __init__(self, engine: LlamaEngine) -> None:
        self.engine = engine
        self.jobs: dict[str, Arrivals] = {}

    def submit(self, name: str, job: TextJob, blobs: Sequence[bytes] = ()) -> Arrivals:
        """Give the engine a job."""
        self.jobs[name] = arrivals = Arrivals(time.perf_counter(), [])
        self.engine.submit(EngineJob(name, job, blobs=[memoryview(blob) for blob in blobs], user=name))
        return arrivals

    def step_until(self, condition: Callable[[], bool]) -> None:
        """Step until it holds, or until there is no work.

        Raises:
            RuntimeError: a job failed.
        """
        while not condition() and self.engine.has_work():
            for name, payload in self.engine.step():
                if isinstance(payload, Failed):
                    raise RuntimeError(f"{name}: {payload.message}")
                if isinstance(payload, Started):
                    self.jobs[name].started = payload
                if isinstance(payload, Tokens):
                    self.jobs[name].tokens_s += [time.perf_counter()] * len(payload.token_ids)
                    self.jobs[name].text += payload.text

    def end(self) -> None:
        """Cancel all jobs, and wait until nothing is computed."""
        for name in self.jobs:
            self.engine.cancel(name)
        self.step_until(lambda: False)
        self.jobs.clear()


def ask(engine: LlamaEngine, messages: Messages, blobs: Sequence[bytes] = (), max_tokens: int = 8) -> Asked:
    """Let a model answer a chat, and wait for the end.

    Raises:
        RuntimeError: the job failed.
    """
    clock = EngineClock(engine)
    arrivals = clock.submit("asked", greedy(messages, max_tokens), blobs)
    clock.step_until(lambda: False)
    assert arrivals.started is not None
    return Asked(arrivals.text, arrivals.started.prompt_tokens, arrivals.started.cached_tokens, arrivals.ttft_s)
