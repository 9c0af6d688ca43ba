from __future__ import annotations

import time

import pytest

from router.jobs.blame.record import Death
from router.jobs.job import Job, JobRequest
from router.jobs.placement import (
    CHARACTERS_PER_JOB,
    MAX_JOBS_OFFSET,
    choose_worker,
    find_placement,
    find_trial,
    kept_free,
)
from router.jobs.workers.prefix import Cut
from router.jobs.workers.worker import BEGINNING_S, Worker
from shared.wire.jobs import TextJob
from tests.support.router.workers import worker_with

SHORT, LONG, WHOLE = (Cut(digest, jobs * CHARACTERS_PER_JOB) for digest, jobs in ((b"a", 2), (b"b", 3), (b"c", 100)))


def test_the_worker_with_the_longest_cached_prefix_is_chosen() -> None:
    short, long, none = worker_with(0, [SHORT]), worker_with(1, [SHORT, LONG]), worker_with(0)
    assert choose_worker([none, short, long], [SHORT, LONG, WHOLE]) is long


def test_without_a_cached_prefix_the_least_busy_worker_is_chosen() -> None:
    busy, calm = worker_with(3), worker_with(1)
    assert choose_worker([busy, calm], [SHORT]) is calm


def test_an_idle_worker_is_chosen_over_one_with_a_short_cached_prefix() -> None:
    greeted, idle = worker_with(1, [Cut(b"a", CHARACTERS_PER_JOB // 2)]), worker_with(0)
    assert choose_worker([greeted, idle], [Cut(b"a", CHARACTERS_PER_JOB // 2), LONG]) is idle


def test_load_is_relative_to_the_slots() -> None:
    half_full, nearly_full = worker_with(4, slots=8), worker_with(3, slots=4)
    assert choose_worker([nearly_full, half_full], []) is half_full


@pytest.mark.parametrize("lead", [MAX_JOBS_OFFSET, MAX_JOBS_OFFSET + 1])
def test_a_cached_prefix_is_given_up_for_a_much_less_busy_worker(lead: int) -> None:
    holder, calm = worker_with(1 + lead, [WHOLE]), worker_with(1)
    assert choose_worker([holder, calm], [WHOLE]) is (calm if lead > MAX_JOBS_OFFSET else holder)


def begun(worker: Worker, seconds_ago: float = 0.0) -> Worker:
    """A worker that has not survived its jobs yet."""
    for job in worker.jobs.values():
        job.begin_on(worker.worker_id, number=1)
        job.dispatched_at_s = time.monotonic() - seconds_ago
    return worker


def in_doubt(*on_trial: bool) -> Job:
    job = Job("doubted", JobRequest("request", "user", "smol", TextJob(prompt="")))
    for was_on_trial in on_trial:
        job.blame.add(Death(), 0, was_on_trial)
    return job


def trying(job: Job, seconds_ago: float = 0.0) -> Worker:
    """A worker with this job on trial."""
    worker = worker_with(0)
    worker.jobs["doubted"] = job
    return begun(worker, seconds_ago)


SUSPECT, ACCUSED = (False,), (False, True)


def test_a_suspect_is_tried_beside_jobs_that_generate_and_not_beside_others() -> None:
    beginning, generating = begun(worker_with(1)), worker_with(3)
    placement = find_trial(in_doubt(*SUSPECT), [beginning, generating], has_running=True)
    assert placement is not None
    assert placement.workers == [generating]
    assert find_trial(in_doubt(*SUSPECT), [beginning], has_running=True) is None


def test_a_suspect_needs_a_slot_at_once() -> None:
    assert find_trial(in_doubt(*SUSPECT), [worker_with(8, slots=8)], has_running=True) is None


def test_a_prompt_that_takes_long_keeps_no_suspect_away() -> None:
    assert find_trial(in_doubt(*SUSPECT), [begun(worker_with(1), BEGINNING_S)], has_running=True) is not None


def test_an_accused_job_is_tried_on_a_worker_without_any_other() -> None:
    busy, empty = worker_with(1), worker_with(0)
    placement = find_trial(in_doubt(*ACCUSED), [busy, empty], has_running=False)
    assert placement is not None
    assert placement.workers == [empty]
    assert find_trial(in_doubt(*ACCUSED), [busy], has_running=False) is None


def test_an_accused_job_goes_rather_to_a_worker_that_no_job_has_left_before_its_end() -> None:
    abandoned, clean = worker_with(0), worker_with(0)
    abandoned.abandoned = True
    for workers, chosen in (([abandoned, clean], [clean]), ([abandoned], [abandoned])):
        placement = find_trial(in_doubt(*ACCUSED), workers, has_running=False)
        assert placement is not None
        assert placement.workers == chosen


@pytest.mark.parametrize(
    ("doubt", "seconds_ago", "closed"),
    [(SUSPECT, 0.0, True), (SUSPECT, BEGINNING_S, False), (ACCUSED, BEGINNING_S, True)],
    ids=["suspect", "suspect for long", "accused for long"],
)
def test_no_job_goes_to_a_worker_in_trial(doubt: tuple[bool, ...], seconds_ago: float, closed: bool) -> None:
    worker = trying(in_doubt(*doubt), seconds_ago)
    placement = find_placement(JobRequest("request", "other", "smol", TextJob(prompt="")), [worker], False)
    assert (placement is None) == closed


@pytest.mark.parametrize(("calm", "tried"), [(1, False), (2, False), (3, True)])
def test_suspects_are_tried_on_at_most_half_of_the_workers(calm: int, tried: bool) -> None:
    workers = [trying(in_doubt(*SUSPECT)), *(worker_with(0) for _ in range(calm))]
    assert (find_trial(in_doubt(*SUSPECT), workers, has_running=True) is not None) == tried


def test_the_worker_that_can_try_a_job_first_is_kept_free_for_it() -> None:
    beginning, generating = begun(worker_with(1)), worker_with(3)
    assert kept_free(in_doubt(*SUSPECT), [beginning, generating]) is generating
    assert kept_free(in_doubt(*ACCUSED), [beginning, generating]) is beginning
    assert kept_free(in_doubt(*SUSPECT), [trying(in_doubt(*SUSPECT)), generating]) is None  # it waits for that trial
