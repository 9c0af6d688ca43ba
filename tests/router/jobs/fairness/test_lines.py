"""Who has jobs of which model."""

from __future__ import annotations

from router.jobs.job import Job, JobRequest
from router.jobs.lines import Lines, UserShare
from shared.wire.jobs import TextJob, TokenizeJob, Work


def push(lines: Lines, model: str, user: str, work: Work) -> Job:
    job = Job(f"{model}-{user}", JobRequest("request", user, model, work))
    lines.of(job.request).queue.push(job)
    return job


def test_shares_are_told_by_model_and_user_with_and_without_slots_together() -> None:
    lines = Lines(["small", "large"])
    running = push(lines, "small", "bob", TextJob(prompt=""))
    lines.of(running.request).queue.start(running)
    push(lines, "small", "bob", TokenizeJob(TextJob(prompt="")))
    push(lines, "small", "anna", TextJob(prompt=""))
    push(lines, "large", "bob", TextJob(prompt=""))
    assert lines.shares() == [
        UserShare("large", "bob", 1, 0),
        UserShare("small", "anna", 1, 0),
        UserShare("small", "bob", 1, 1),
    ]
