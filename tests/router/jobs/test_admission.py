from __future__ import annotations

import time

import pytest

from router.jobs.admission import check_queue
from router.jobs.fairness.queue import FairQueue
from router.jobs.job import Job, JobRequest
from router.jobs.refusals import RefusalReason, Refused
from router.jobs.service_rate import MAX_RECENT_ENDS, MAX_RETRY_S, ServiceRate
from shared.wire.jobs import TextJob


class Clock:
    """The monotonic clock, set by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def request_of(user: str) -> JobRequest:
    return JobRequest("request", user, "model", TextJob(prompt="", max_tokens=50))


def test_the_rate_is_the_cost_of_what_was_done_a_second(clock: Clock) -> None:
    rate = ServiceRate()
    rate.resume()
    for _ in range(10):
        clock.now_s += 2
        rate.add(100)
    assert rate.seconds_for(1000, 7) == 20


def test_only_the_last_ends_count(clock: Clock) -> None:
    rate = ServiceRate()
    rate.resume()
    for seconds in [1.0] * MAX_RECENT_ENDS + [10.0] * (MAX_RECENT_ENDS + 1):
        clock.now_s += seconds
        rate.add(10)
    assert rate.seconds_for(100, 7) == 100


def test_the_time_without_work_does_not_count(clock: Clock) -> None:
    rate = ServiceRate()
    rate.resume()
    clock.now_s += 1
    rate.add(100)
    rate.pause()
    clock.now_s += 10_000
    assert rate.seconds_for(500, 7) == 5
    rate.resume()
    clock.now_s += 4
    rate.add(100)
    assert rate.seconds_for(500, 7) == 20


def test_before_anything_has_ended_a_job_is_taken_for_a_second_and_never_more_than_an_hour(clock: Clock) -> None:
    assert ServiceRate().seconds_for(10_000, 7) == 7
    assert ServiceRate().seconds_for(1, 0) == 1
    assert ServiceRate().seconds_for(1, 10**9) == MAX_RETRY_S


def test_a_full_queue_still_has_places_for_users_who_have_none_in_it(clock: Clock) -> None:
    queue, rate = FairQueue(), ServiceRate()
    rate.resume()
    for number in range(16):
        check_queue(queue, rate, 16, request_of("busy"))
        queue.push(Job(f"{number}", request_of("busy")))
    clock.now_s += 1
    rate.add(10)
    with pytest.raises(Refused, match="16 requests wait already, which is the limit") as refused:
        check_queue(queue, rate, 16, request_of("busy"))
    assert (refused.value.reason, refused.value.retry_after_s) == (RefusalReason.QUEUE_FULL, 160)
    for user in ("one", "two"):
        check_queue(queue, rate, 16, request_of(user))
        queue.push(Job(user, request_of(user)))
    with pytest.raises(Refused, match="18 requests wait"):
        check_queue(queue, rate, 16, request_of("three"))
