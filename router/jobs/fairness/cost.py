"""What a job has cost so far, in the unit of :mod:`shared.costs`."""

from __future__ import annotations

from typing import assert_never

from router.jobs.job import Job
from shared.costs import AUDIO_SECOND, GENERATED_TOKEN
from shared.wire.jobs import EmbedJob, ImageJob, RerankJob, SpeechJob, TextJob, TokenizeJob, UpscaleJob


def cost_so_far(job: Job) -> float:
    """Cost of a job up to now, or in total if it has ended; 0 before a worker begins it.

    Pictures and recordings count in full from the start, since they take all of their worker's time. So do prompts that
    are only tokenized, and inputs of vectors and scores, whose tokens are all counted then.
    """
    if job.begun is None:
        return 0.0
    match job.request.work:
        case TextJob():
            uncached = max(0, job.begun.prompt_tokens - job.begun.cached_tokens)
            return uncached + GENERATED_TOKEN * len(job.generated)
        case SpeechJob():
            return job.audio_s * AUDIO_SECOND or job.estimated_cost
        case EmbedJob() | RerankJob():
            return job.begun.prompt_tokens
        case ImageJob() | UpscaleJob() | TokenizeJob():
            return job.estimated_cost
        case other:
            assert_never(other)
