"""An engine's answers where the model is a hash function: the logits depend on nothing but the tokens so far."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from shared.wire.jobs import TextJob
from shared.wire.payloads import FinishReason, Started, Tokens
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine
from workers.text.sandbox.attempt import Limits, PreparationAttempt
from workers.text.sequence import Sequence

LIMITS = Limits(cpu_s=5.0, memory_bytes=256_000_000)

Answer = list[Tokens | FinishReason]


def logits_after(tokens: list[int], size: int) -> NDArray[np.float32]:
    """The logits of a model that is a hash function."""
    seed = zlib.crc32(np.array(tokens, np.int64).tobytes())
    return np.random.default_rng(seed).normal(0, 4, size).astype(np.float32)


def prepared(
    engine: LlamaEngine,
    job: TextJob,
    generated: list[int] | None = None,
    begun: Started | None = None,
    mirostat_mu: float | None = None,
) -> Sequence:
    """The sequence of a job after ``generated``."""
    taken = EngineJob("job", job, generated or [], begun=begun, mirostat_mu=mirostat_mu)
    return engine._prepare(taken, 0.0, PreparationAttempt(LIMITS))


def said_by(engine: LlamaEngine, sequence: Sequence) -> Answer:
    """What is sent of a sequence, and its finish reason."""
    size = engine._generation.vocabulary.size
    said: Answer = []
    reason = sequence.takeover_end
    while reason is None:
        tokens, reason = engine._generation.advance(sequence, logits_after(sequence.tokens, size))
        said += [part for part in (sequence.forced_start, tokens) if part is not None]
        sequence.forced_start = None
    sequence.sampler.close()
    return [*said, reason]


def answer(
    engine: LlamaEngine,
    job: TextJob,
    generated: list[int] | None = None,
    begun: Started | None = None,
    mirostat_mu: float | None = None,
) -> Answer:
    """What is sent of a job after ``generated``, and its finish reason."""
    return said_by(engine, prepared(engine, job, generated, begun, mirostat_mu))
