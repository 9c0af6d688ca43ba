from __future__ import annotations

import pytest

from router.jobs.fairness.cost import MOST_GUESSED_TOKENS, cost_so_far, estimated_cost
from router.jobs.job import Job, JobRequest
from shared.wire.jobs import ImageJob, Recording, SpeechJob, Started, TextJob, Tokens, Work


def job_of(work: Work, *blobs: bytes) -> Job:
    return Job("job", JobRequest("request", "user", "model", work, blobs))


@pytest.mark.parametrize(
    ("work", "cost"),
    [
        (TextJob(prompt="x" * 400, max_tokens=50), 100 + 2 * 50),
        (TextJob(prompt_tokens=[1] * 30, max_tokens=1), 30 + 2),
        (TextJob(messages=[{"role": "u", "content": [{"text": "x" * 39}]}], max_tokens=1), 10 + 2),
        (TextJob(prompt="", max_tokens=100_000), 2 * MOST_GUESSED_TOKENS),
        (ImageJob("a cat", width=256, height=512, steps=20, count=2), 2 * 20 * 4 * 8),
    ],
)
def test_the_estimate_before_a_job_runs(work: Work, cost: float) -> None:
    assert estimated_cost(work) == cost


def test_a_recording_is_estimated_by_its_size_and_counted_by_its_length() -> None:
    job = job_of(SpeechJob(), bytes(160_000))
    assert (job.estimated_cost, cost_so_far(job)) == (500, 0)
    job.deliver(Started(0, 0))
    assert cost_so_far(job) == 500
    job.deliver(Recording("en", 1.0, 60.0, 50.0))
    assert cost_so_far(job) == 3000


def test_cached_prompt_tokens_are_free_and_generated_ones_count_double() -> None:
    job = job_of(TextJob(prompt="hello"))
    assert cost_so_far(job) == 0
    job.deliver(Started(100, 90))
    assert cost_so_far(job) == 10
    job.deliver(Tokens("ab", [1, 2]))
    assert cost_so_far(job) == 14


def test_a_picture_that_was_begun_counts_whole() -> None:
    job = job_of(ImageJob("a cat"))
    assert cost_so_far(job) == 0
    job.deliver(Started(0, 0))
    assert cost_so_far(job) == job.estimated_cost > 0
