"""What a request's jobs have used."""

from __future__ import annotations

from router.jobs.consumption import Consumption, consumed_by
from router.jobs.job import Job, JobRequest, JobState
from shared.wire.jobs import ImageJob, TextJob, Work
from shared.wire.payloads import Done, FinishReason, Payload, Picture, Recording, Started, Tokens

TEXT = TextJob(prompt="Once upon")


def job(*payloads: Payload, work: Work = TEXT) -> Job:
    made = Job("j", JobRequest("r", "u", "m", work))
    made.move(JobState.DISPATCHED)
    for payload in payloads:
        made.deliver(payload)
    return made


def whole(prompt: int, cached: int, tokens: int) -> Job:
    return job(Started(prompt, cached), Done(FinishReason.STOP, prompt, cached, tokens, 0.1))


def test_each_prompt_counts_once_and_each_choice_for_itself() -> None:
    jobs = [whole(10, 4, 3), whole(10, 10, 5), whole(20, 0, 7), whole(20, 20, 1)]
    assert consumed_by(jobs, choices_per_prompt=2) == Consumption(30, 4, 16)


def test_a_cancelled_job_counts_what_it_used() -> None:
    assert consumed_by([job(Started(10, 2), Tokens("a b", [1, 2]))]) == Consumption(10, 2, 2)
    assert consumed_by([job()]) == Consumption()


def test_pictures_and_recordings_count() -> None:
    pictures = [job(Picture(seed, 64, 64, b""), work=ImageJob(prompt="a", seed=seed)) for seed in (1, 2)]
    assert consumed_by(pictures).images == 2
    assert consumed_by([job(Recording("en", 1.0, 12.5, 11.0))]).audio_s == 12.5
