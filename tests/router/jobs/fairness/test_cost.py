from __future__ import annotations

from router.jobs.fairness.cost import cost_so_far
from router.jobs.job import Job, JobRequest
from shared.wire.jobs import ImageJob, SpeechJob, TextJob, Work
from shared.wire.payloads import Recording, Started, Tokens


def job_of(work: Work, *blobs: bytes) -> Job:
    return Job("job", JobRequest("request", "user", "model", work, blobs))


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


def test_a_started_picture_counts_in_full() -> None:
    job = job_of(ImageJob("a cat"))
    assert cost_so_far(job) == 0
    job.deliver(Started(0, 0))
    assert cost_so_far(job) == job.estimated_cost > 0
