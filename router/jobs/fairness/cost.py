"""What a job costs a worker, in one unit: a prompt token that has to be computed.

The weights of text are those of Sheng et al. 2024, "Fairness in Serving Large Language Models": a generated token
counts double, as it takes a sequence's place in a whole decode step. Prompt tokens that were in the KV cache are free.
A picture's denoising step costs one for each patch of 64 x 64 pixels, a second of a recording 50, as many as Whisper's
encoder has positions in it. Users share one model's workers, so costs are compared among jobs of one kind only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shared.wire.jobs import ImageJob, SpeechJob, TextJob, Work

if TYPE_CHECKING:
    from router.jobs.job import Job

GENERATED_TOKEN = 2.0
PATCH_PIXELS = 64 * 64
AUDIO_SECOND = 50.0

CHARACTERS_A_TOKEN = 4
GUESSED_TOKENS = 256
"""Tokens that an answer without a limit is taken for, until it is known better."""

MOST_GUESSED_TOKENS = 512
"""A limit of more than so many is seldom reached."""

BYTES_A_SECOND = 16_000
"""Of a compressed recording, 128 kbit/s."""


def estimated_cost(work: Work, blob_bytes: int = 0) -> float:
    """What a job will cost, as far as it can be told before it runs; at least 1. ``blob_bytes`` are its files."""
    if isinstance(work, TextJob):
        answer = GUESSED_TOKENS if work.max_tokens is None else min(work.max_tokens, MOST_GUESSED_TOKENS)
        return max(1.0, _prompt_tokens(work) + GENERATED_TOKEN * answer)
    if isinstance(work, ImageJob):
        return work.count * work.steps * max(1, math.ceil(work.width * work.height / PATCH_PIXELS))
    assert isinstance(work, SpeechJob)
    return max(1.0, blob_bytes / BYTES_A_SECOND * AUDIO_SECOND)


def cost_so_far(job: Job) -> float:
    """What a job has cost up to now, or in all if it has ended; 0 before a worker has begun it.

    A picture or a recording counts whole as soon as it was begun, since its worker gives it all its time.
    """
    if job.begun is None:
        return 0.0
    if isinstance(job.request.work, TextJob):
        uncached = max(0, job.begun.prompt_tokens - job.begun.cached_tokens)
        return uncached + GENERATED_TOKEN * len(job.generated)
    if job.audio_s:
        return job.audio_s * AUDIO_SECOND
    return job.estimated_cost


def _prompt_tokens(work: TextJob) -> float:
    if work.prompt_tokens is not None:
        return len(work.prompt_tokens)
    if work.prompt is not None:
        return len(work.prompt) / CHARACTERS_A_TOKEN
    return _characters([*(work.messages or ()), *work.tools]) / CHARACTERS_A_TOKEN


def _characters(values: Sequence[Any]) -> int:
    """How much text there is in a list of what JSON can hold."""
    characters = 0
    left = list(values)
    while left:
        value = left.pop()
        if isinstance(value, str):
            characters += len(value)
        elif isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
    return characters
