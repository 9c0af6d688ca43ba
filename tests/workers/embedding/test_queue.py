"""Which inputs make the next batch."""

from __future__ import annotations

import random

import pytest

from shared.wire.jobs import EmbedJob
from workers.embedding.queue import InputQueue, WaitingJob
from workers.engine import EngineJob


def job_of(name: str, *lengths: int, user: str = "", weight: float = 1.0) -> WaitingJob:
    inputs = [[0] * length for length in lengths]
    job = EngineJob(name, EmbedJob(list[str | list[int]](inputs)), user=user or name, weight=weight)
    return WaitingJob(job, inputs, 0.0)


def queue_of(*jobs: WaitingJob, batch_tokens: int = 100, sequences: int = 8) -> InputQueue:
    queue = InputQueue(batch_tokens, sequences)
    for job in jobs:
        queue.add(job)
    return queue


def batch_of(queue: InputQueue) -> list[tuple[str, int]]:
    """The jobs and lengths of the next batch."""
    return [(item.job_id, len(item.tokens)) for item in queue.next_batch()]


def test_a_batch_has_the_longest_inputs_first_and_what_fits_beside_them() -> None:
    queue = queue_of(job_of("a", 10, 60, 50, 35, 5))
    assert batch_of(queue) == [("a", 60), ("a", 35), ("a", 5)]
    assert batch_of(queue) == [("a", 50), ("a", 10)]
    assert not queue.has_waiting
    assert batch_of(queue) == []


def test_an_input_that_is_longer_than_a_batch_is_computed_alone() -> None:
    queue = queue_of(job_of("a", 300, 10), job_of("b", 20))
    assert batch_of(queue) == [("a", 300)]
    assert batch_of(queue) == [("b", 20), ("a", 10)]


def test_a_batch_has_no_more_inputs_than_sequences() -> None:
    queue = queue_of(job_of("a", *[1] * 12))
    assert [len(batch_of(queue)), len(batch_of(queue))] == [8, 4]


def test_users_take_turns_by_their_tokens() -> None:
    queue = queue_of(job_of("many", *[30] * 9), job_of("few", 30, 30))
    assert batch_of(queue) == [("many", 30), ("few", 30), ("many", 30)]
    assert batch_of(queue) == [("few", 30), ("many", 30), ("many", 30)]


def test_a_batch_user_gets_a_tenth_beside_others() -> None:
    queue = queue_of(job_of("batch", *[50] * 40, weight=0.1), job_of("user", *[50] * 40))
    taken = [name for _ in range(11) for name, _ in batch_of(queue)]
    assert taken.count("batch") == pytest.approx(2, abs=1)


def test_a_small_job_does_not_wait_for_a_large_one_of_the_same_user() -> None:
    queue = queue_of(job_of("large", *[40] * 50, user="u"))
    for _ in range(3):
        queue.next_batch()
    queue.add(job_of("small", 10, user="u"))
    assert ("small", 10) in batch_of(queue)


def test_a_large_job_goes_on_beside_many_small_ones_of_the_same_user() -> None:
    queue = queue_of(job_of("large", *[40] * 20, user="u"))
    for number in range(30):
        queue.add(job_of(f"small-{number}", 40, user="u"))
        queue.next_batch()
    assert not queue["large"].waiting


def test_removed_jobs_are_forgotten() -> None:
    queue = queue_of(job_of("a", 10), job_of("b", 10))
    queue.remove("a")
    queue.remove("unknown")
    assert ("a" in queue, len(queue)) == (False, 1)
    assert batch_of(queue) == [("b", 10)]


@pytest.mark.parametrize("seed", range(20))
def test_each_input_comes_once_and_batches_keep_their_limits(seed: int) -> None:
    draw = random.Random(seed)
    jobs = [
        job_of(f"job-{number}", *(draw.randint(1, 150) for _ in range(draw.randint(1, 30))), user=f"u{number % 3}")
        for number in range(8)
    ]
    queue = queue_of(*jobs)
    seen: list[tuple[str, int]] = []
    while queue.has_waiting:
        batch = queue.next_batch()
        assert 0 < len(batch) <= 8
        assert len(batch) == 1 or sum(len(item.tokens) for item in batch) <= 100
        seen += [(item.job_id, item.index) for item in batch]
    assert sorted(seen) == sorted((job.job.job_id, index) for job in jobs for index in range(len(job.inputs)))
