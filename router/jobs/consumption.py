"""What the jobs of one request have used. Answers, usage, log, metrics and traces all show this count."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from router.jobs.job import Job, JobRequest
from shared.kinds import estimated_tokens
from shared.wire.jobs import ImageJob, UpscaleJob


@dataclass(frozen=True, slots=True)
class Consumption:
    """Sums over a request's jobs.

    ``cached_tokens`` is the part of ``prompt_tokens`` that the KV cache already held, ``reasoning_tokens`` that of
    ``completion_tokens`` which the thoughts of ended jobs took. Of the tokens of predictions, ``predicted_tokens`` are
    those that ended jobs took over, and ``mispredicted_tokens`` those that they tried in vain.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    predicted_tokens: int = 0
    mispredicted_tokens: int = 0
    images: int = 0
    audio_s: float = 0.0


def consumed_by(jobs: Sequence[Job], choices_per_prompt: int = 1) -> Consumption:
    """What the jobs have used so far, however they ended.

    Each prompt counts once: ``choices_per_prompt`` consecutive jobs share it, and only the first of them counts it,
    from when a worker begins it.
    """
    prompts = [job.done or job.begun for job in jobs[::choices_per_prompt]]
    begun = [prompt for prompt in prompts if prompt is not None]
    return Consumption(
        prompt_tokens=sum(prompt.prompt_tokens for prompt in begun),
        cached_tokens=sum(prompt.cached_tokens for prompt in begun),
        completion_tokens=sum(_generated_tokens(job) for job in jobs),
        reasoning_tokens=sum(job.done.reasoning_tokens for job in jobs if job.done is not None),
        predicted_tokens=sum(job.done.predicted_tokens for job in jobs if job.done is not None),
        mispredicted_tokens=sum(job.done.mispredicted_tokens for job in jobs if job.done is not None),
        images=sum(job.delivered for job in jobs if isinstance(job.request.work, ImageJob | UpscaleJob)),
        audio_s=sum(job.audio_s for job in jobs),
    )


def expected_tokens(requests: Sequence[JobRequest], choices_per_prompt: int = 1) -> int | None:
    """The tokens that the jobs of one request will probably use, each prompt once; None if such jobs use none."""
    estimates = [estimated_tokens(request.work, sum(map(len, request.blobs))) for request in requests]
    known = [estimate for estimate in estimates if estimate is not None]
    prompts = sum(estimate.prompt for estimate in known[::choices_per_prompt])
    return math.ceil(prompts + sum(estimate.answer for estimate in known)) if known else None


def held_tokens(jobs: Sequence[Job], expected: int, choices_per_prompt: int = 1) -> int:
    """The tokens that the jobs of one request have used; while one runs or waits, at least those that are expected."""
    used = consumed_by(jobs, choices_per_prompt)
    tokens = used.prompt_tokens + used.completion_tokens
    return tokens if all(job.ended for job in jobs) else max(tokens, expected)


def _generated_tokens(job: Job) -> int:
    """How many tokens a job has generated."""
    return len(job.generated) if job.done is None else job.done.completion_tokens
