from __future__ import annotations

from dataclasses import dataclass

from workers.engine import Party
from workers.whisper.transcription.batching import BatchSize, ChunkQueue


@dataclass(eq=False)
class FakeChunk:
    job_id: str
    index: int
    key: str = "same"
    party: Party = ("", 1.0)


def queue_of(**counts: int) -> ChunkQueue[FakeChunk]:
    queue: ChunkQueue[FakeChunk] = ChunkQueue()
    for job_id, count in counts.items():
        for index in range(count):
            queue.add(FakeChunk(job_id, index))
    return queue


def names(batch: list[FakeChunk]) -> list[str]:
    return [f"{chunk.job_id}{chunk.index}" for chunk in batch]


def test_a_batch_takes_from_each_recording_in_turn() -> None:
    assert names(queue_of(a=5, b=2, c=1).take(6)) == ["a0", "b0", "c0", "a1", "b1", "a2"]


def test_the_recording_served_longest_ago_comes_first() -> None:
    queue = queue_of(a=3, b=3, c=3)
    assert [names(queue.take(2)) for _ in range(3)] == [["a0", "b0"], ["c0", "a1"], ["b1", "c1"]]


def test_a_newcomer_does_not_wait_for_a_long_recording() -> None:
    queue = queue_of(long=100)
    queue.take(4)
    queue.add(FakeChunk("short", 0))
    assert names(queue.take(1)) == ["short0"]


def test_users_take_turns_however_many_recordings_they_have() -> None:
    queue = queue_of(a=3, b=3, c=3)
    for index in range(2):
        queue.add(FakeChunk("light", index, party=("light", 1.0)))
    assert names(queue.take(6)) == ["a0", "light0", "b0", "light1", "c0", "a1"]


def test_a_user_who_comes_later_does_not_wait_for_the_new_recordings_of_another() -> None:
    queue = queue_of(a=9, b=9)
    queue.take(2)
    for recording in "cdef":
        queue.add(FakeChunk(recording, 0))
    queue.add(FakeChunk("light", 0, party=("light", 1.0)))
    assert names(queue.take(2)) == ["light0", "c0"]


def test_batch_jobs_get_fewer_chunks() -> None:
    queue = queue_of(a=6)
    for index in range(6):
        queue.add(FakeChunk("batch", index, party=("", 0.5)))
    assert names(queue.take(6)) == ["a0", "batch0", "a1", "batch1", "a2", "a3"]


def test_a_user_without_recordings_is_forgotten() -> None:
    queue = queue_of(a=2, b=1)
    queue.take(2)
    queue.drop("a")
    queue.drop("b")
    queue.drop("unknown")
    assert queue._users.idle


def test_only_chunks_with_the_same_key_share_a_batch() -> None:
    queue = queue_of(a=1)
    queue.add(FakeChunk("b", 0, key="other"))
    queue.add(FakeChunk("c", 0))
    assert names(queue.take(8)) == ["a0", "c0"]
    assert names(queue.take(8)) == ["b0"]


def test_a_chunk_that_is_put_back_is_the_next_of_its_recording() -> None:
    queue = queue_of(a=2)
    (first,) = queue.take(1)
    first.key = "retry"
    queue.put_back(first)
    assert names(queue.take(8)) == ["a0"]
    assert names(queue.take(8)) == ["a1"]


def test_a_dropped_recording_is_gone() -> None:
    queue = queue_of(a=2, b=1)
    queue.drop("a")
    assert names(queue.take(8)) == ["b0"]
    assert queue.take(8) == []


def test_the_batch_grows_if_more_chunks_take_no_more_time() -> None:
    size = BatchSize(16)
    assert size.limit == 1
    for _ in range(10):
        size.observe(size.limit, 0.3)
    assert size.limit == 16


def test_a_batch_takes_about_two_seconds_if_time_grows_with_its_chunks() -> None:
    size = BatchSize(16)
    for _ in range(10):
        size.observe(size.limit, 0.5 * size.limit)
    assert size.limit == 4


def test_a_slow_device_gets_one_chunk_at_a_time() -> None:
    size = BatchSize(16)
    size.observe(1, 30.0)
    assert size.limit == 1


def test_a_size_that_failed_is_not_tried_again() -> None:
    size = BatchSize(16)
    size.observe(16, 0.1)
    size.failed(16)
    assert size.limit == 8
