"""Latencies of an interval, from looks at running jobs."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.http.request_record import FinishedRequest
from router.jobs.job import Job, JobRequest, JobState
from router.telemetry.curves.latencies import MAX_ENDED, IntervalLatencies, percentile
from shared.wire.jobs import TextJob


def job_at(created_at_s: float, first_at_s: float | None, tokens: int, model: str = "smol") -> Job:
    job = Job("job", JobRequest("request", "user", model, TextJob(prompt="")), created_at_s=created_at_s)
    job.first_token_at_s, job.generated = first_at_s, list(range(tokens))
    return job


def ended(job: Job, at_s: float) -> Job:
    job.move(JobState.DISPATCHED)
    job.move(JobState.DONE)
    job.ended_at_s = at_s
    return job


def end(latencies: IntervalLatencies, *jobs: Job) -> None:
    latencies.finished(cast(FinishedRequest, SimpleNamespace(record=SimpleNamespace(jobs=jobs))))


def test_the_first_token_counts_in_the_interval_in_which_it_comes_and_only_there() -> None:
    latencies, job = IntervalLatencies(100.0), job_at(99.0, None, 0)
    assert latencies.take([job], 102.0) == {}
    job.first_token_at_s, job.generated = 103.0, [1]
    assert latencies.take([job], 104.0)["smol"].ttft_s == [4.0]
    job.generated = [1, 2]
    assert latencies.take([job], 106.0)["smol"].ttft_s == []
    end(latencies, ended(job, 107.0))
    assert latencies.take([], 108.0)["smol"].ttft_s == []


def test_the_time_between_tokens_is_that_of_the_interval() -> None:
    """Ten tokens in the first second after the first one, two in the next two seconds."""
    latencies, job = IntervalLatencies(100.0), job_at(100.0, 101.0, 11)
    assert latencies.take([job], 102.0)["smol"].itl_s == [pytest.approx(0.1)]
    job.generated += [1, 2]
    assert latencies.take([job], 104.0)["smol"].itl_s == [pytest.approx(1.0)]


def test_a_job_that_stalls_counts_its_stall_when_it_goes_on() -> None:
    latencies, job = IntervalLatencies(100.0), job_at(100.0, 101.0, 11)
    latencies.take([job], 102.0)
    assert latencies.take([job], 104.0)["smol"].itl_s == []
    job.generated += [1]
    assert latencies.take([job], 106.0)["smol"].itl_s == [pytest.approx(4.0)]


def test_a_job_that_begins_and_ends_within_an_interval_counts() -> None:
    latencies = IntervalLatencies(100.0)
    end(latencies, ended(job_at(100.0, 100.5, 6), 101.0))
    (found,) = latencies.take([], 102.0).values()
    assert found.ttft_s == [0.5]
    assert found.itl_s == [pytest.approx(0.1)]
    assert latencies.take([], 104.0) == {}


def test_the_end_of_a_job_is_measured_from_the_last_look() -> None:
    latencies, job = IntervalLatencies(100.0), job_at(100.0, 101.0, 11)
    latencies.take([job], 102.0)
    job.generated += [1, 2, 3, 4]
    end(latencies, ended(job, 103.0))
    assert latencies.take([], 104.0)["smol"].itl_s == [pytest.approx(0.25)]


def test_a_job_that_has_ended_but_is_still_listed_counts_once() -> None:
    latencies, job = IntervalLatencies(100.0), ended(job_at(100.0, 100.5, 1), 101.0)
    end(latencies, job)
    assert latencies.take([job], 102.0)["smol"].ttft_s == [0.5]


def test_models_are_told_apart() -> None:
    jobs = [job_at(100.0, 101.0, 2, "small"), job_at(100.0, 102.0, 2, "large")]
    found = IntervalLatencies(100.0).take(jobs, 103.0)
    assert {model: one.ttft_s for model, one in found.items()} == {"small": [1.0], "large": [2.0]}


def test_the_jobs_of_an_interval_are_bounded() -> None:
    latencies = IntervalLatencies(0.0)
    for number in range(MAX_ENDED + 10):
        job = job_at(0.0, 1.0, 1)
        job.job_id = str(number)
        end(latencies, job)
    assert len(latencies.take([], 2.0)["smol"].ttft_s) == MAX_ENDED


@pytest.mark.parametrize(("share", "value"), [(0.5, 2.0), (0.95, 4.0), (0.25, 1.0), (0.0, 1.0), (1.0, 4.0)])
def test_a_percentile_is_one_of_the_values(share: float, value: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], share) == value


def test_there_is_no_percentile_of_nothing() -> None:
    assert percentile([], 0.5) is None


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.95]))
def test_a_percentiles_share_of_the_values_does_not_exceed_it(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found is not None
    assert sum(value <= found for value in values) >= math.ceil(share * len(values))
