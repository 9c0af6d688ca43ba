from __future__ import annotations

import time

import pytest

from router.jobs.retry_after import MAX_RECENT_ENDS, MAX_RETRY_AFTER_S, ServiceRate


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


def test_the_rate_is_the_cost_done_per_second(clock: Clock) -> None:
    rate = ServiceRate()
    rate.resume()
    for _ in range(10):
        clock.now_s += 2
        rate.add(100)
    assert rate.seconds_for(1000, 7) == 20


def test_only_the_latest_jobs_count(clock: Clock) -> None:
    rate = ServiceRate()
    rate.resume()
    for seconds in [1.0] * MAX_RECENT_ENDS + [10.0] * (MAX_RECENT_ENDS + 1):
        clock.now_s += seconds
        rate.add(10)
    assert rate.seconds_for(100, 7) == 100


def test_time_without_work_does_not_count(clock: Clock) -> None:
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


def test_before_any_job_has_ended_each_counts_one_second_and_the_result_is_at_most_an_hour(clock: Clock) -> None:
    assert ServiceRate().seconds_for(10_000, 7) == 7
    assert ServiceRate().seconds_for(1, 0) == 1
    assert ServiceRate().seconds_for(1, 10**9) == MAX_RETRY_AFTER_S
