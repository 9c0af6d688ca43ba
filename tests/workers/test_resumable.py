"""Which jobs a worker keeps for the next run of the router."""

from __future__ import annotations

import time

import pytest

from shared.wire.codec import encode
from shared.wire.jobs import TextJob
from shared.wire.messages import Event, Orphan, Submit
from shared.wire.payloads import Tokens
from workers.resumable import ResumableJobs

WORK = encode(TextJob(prompt="a b"))


def submission(job_id: str, keep_s: float = 60.0) -> Submit:
    return Submit(job_id, "run-1", 1, ticket=b"ticket", keep_s=keep_s)


def events(job_id: str, text: str = "x") -> list[Event]:
    return [Event(job_id, 0, Tokens(text, [1]))]


def opened(*job_ids: str, keep_s: float = 60.0) -> ResumableJobs:
    jobs = ResumableJobs()
    for job_id in job_ids:
        jobs.open(submission(job_id, keep_s), WORK)
    return jobs


def ids(jobs: ResumableJobs, router_id: str = "run-2") -> list[str]:
    return [orphan.submit.job_id for orphan, _ in jobs.orphans(router_id)]


def test_jobs_go_to_the_next_router() -> None:
    jobs = opened("a")
    assert ids(jobs) == ["a"]
    assert ids(jobs, "run-1") == []


def test_an_ended_job_is_given_with_its_events_and_without_its_prompt() -> None:
    jobs = opened("a", "b")
    jobs.end("a", events("a"))
    assert jobs.orphans("run-2") == [
        (Orphan(submission("a"), encode(TextJob(prompt="")), True), events("a")),
        (Orphan(submission("b"), WORK, False), None),
    ]


def test_an_end_that_is_acknowledged_again_changes_nothing() -> None:
    jobs = opened("a")
    jobs.end("a", events("a"))
    jobs.end("a", [])
    assert [kept for _, kept in jobs.orphans("run-2")] == [events("a")]


def test_a_job_is_given_again_until_a_router_claims_it() -> None:
    jobs = opened("a")
    assert ids(jobs) == ids(jobs) == ["a"]
    jobs.claim("a", "run-2")
    assert ids(jobs) == []
    assert ids(jobs, "run-3") == ["a"]


def test_a_forgotten_job_is_given_to_nobody() -> None:
    jobs = opened("a", "b")
    jobs.end("b", events("b"))
    jobs.forget("a")
    jobs.forget("b")
    assert ids(jobs) == []


def test_events_are_kept_for_the_time_that_the_router_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = opened("long", keep_s=60.0)
    jobs.open(submission("short", 10.0), WORK)
    for job_id in ("long", "short"):
        jobs.end(job_id, events(job_id))
    now_s = time.monotonic()
    monkeypatch.setattr("workers.resumable.time.monotonic", lambda: now_s + 30.0)
    jobs.expire()
    assert ids(jobs) == ["long"]


def test_the_oldest_ended_jobs_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.resumable.MAX_KEPT_BYTES", 250)
    jobs = opened("a", "b", "c", "runs")
    for job_id in ("a", "b", "c"):
        jobs.end(job_id, events(job_id, "x" * 100))
    assert ids(jobs) == ["b", "c", "runs"]


def test_as_many_jobs_as_fit_go_into_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.resumable.MAX_ORPHANS_BYTES", 1000)
    jobs = opened("a")
    jobs.open(submission("large"), bytes(1000))
    assert ids(jobs) == ["a"]
