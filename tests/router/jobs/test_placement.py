from __future__ import annotations

import pytest

from router.jobs.placement import CHARACTERS_PER_JOB, MAX_JOBS_OFFSET, choose_worker
from router.jobs.workers.prefix import Cut
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
