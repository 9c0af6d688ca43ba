"""The states of a batch and their moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from router.batches.records import BatchEnd, InputLine, KeptAnswer, NewBatch
from router.batches.states import BATCH_MOVES, BatchState
from router.batches.store import MAX_UNFINISHED, BatchStore
from router.files.contents import Contents
from router.files.database import STATE_FILE, UNFINISHED
from router.files.keeper import OpenFiles
from router.files.store import FileStore
from router.schemas.errors import ApiError
from shared.states import IllegalMove

NEW = NewBatch("bob", "", "", "/v1/completions", "file-1", "24h", {"a": "b"}, None, 100, 200)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[BatchStore]:
    database = STATE_FILE.open(None)
    yield BatchStore(OpenFiles(database, FileStore(database, Contents(tmp_path)), None))
    database.close()


def test_every_state_has_moves_and_the_unfinished_ones_are_those_with_some() -> None:
    assert BATCH_MOVES.keys() == set(BatchState)
    unfinished = {state for state in BatchState if f"'{state}'" in UNFINISHED}
    assert unfinished == {state for state in BatchState if not state.ended}


def test_a_batch_is_stored_as_it_was_made(store: BatchStore) -> None:
    batch = store.create(NEW)
    assert store.find(batch.batch_id) == batch
    assert (batch.state, batch.metadata, batch.expires_at_s) == (BatchState.VALIDATING, {"a": "b"}, 200)
    assert store.find("batch_other") is None


def test_a_batch_moves_only_from_the_state_that_was_meant(store: BatchStore) -> None:
    number = store.create(NEW).number
    store.cancel(number, 110)
    moved = store.advance(number, BatchState.VALIDATING, BatchState.IN_PROGRESS, 120)
    assert moved.state is BatchState.CANCELLING
    assert moved.moved_at_s == {"cancelling": 110}
    with pytest.raises(IllegalMove):
        store.advance(number, BatchState.CANCELLING, BatchState.COMPLETED, 130)


def test_what_has_ended_is_not_cancelled(store: BatchStore) -> None:
    number = store.create(NEW).number
    store.advance(number, BatchState.VALIDATING, BatchState.FAILED, 110)
    assert store.cancel(number, 120).state is BatchState.FAILED


def test_an_answer_counts_once_however_often_it_is_recorded(store: BatchStore) -> None:
    number = store.create(NEW).number
    store.add_lines(number, [InputLine(1, "a", 0, 10), InputLine(3, "b", 10, 10), InputLine(4, "c", 20, 10)])
    store.record(number, 1, b"first", is_error=False)
    store.record(number, 1, b"second", is_error=True)
    store.record(number, 3, b"wrong", is_error=True)
    batch = store.get(number)
    assert (batch.total, batch.completed, batch.failed) == (3, 1, 1)
    assert store.answers(number, is_error=False, after=0) == [KeptAnswer(1, b"first")]
    assert store.answers(number, is_error=True, after=0) == [KeptAnswer(3, b"wrong")]
    assert store.answers(number, is_error=True, after=3) == []
    assert [line.custom_id for line in store.undone(number, 0, 10)] == ["c"]


def test_no_more_is_read_at_once_than_fits(store: BatchStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.batches.store.MAX_READ_BYTES", 25)
    number = store.create(NEW).number
    store.add_lines(number, [InputLine(line, str(line), 0, 10) for line in range(1, 6)])
    assert [line.number for line in store.undone(number, 0, 10)] == [1, 2]
    assert [line.number for line in store.undone(number, 2, 1)] == [3]
    for line in range(1, 6):
        store.record(number, line, b"x" * 20, is_error=False)
    assert [answer.number for answer in store.answers(number, is_error=False, after=1)] == [2, 3]


def test_a_batch_ends_once(store: BatchStore) -> None:
    number = store.create(NEW).number
    store.cancel(number, 110)
    end = BatchEnd(BatchState.CANCELLED, not_run=2)
    store.finish(number, end, 120)
    batch = store.finish(number, end, 130)
    assert (batch.state, batch.failed, batch.moved_at_s["cancelled"]) == (BatchState.CANCELLED, 2, 120)


def test_old_batches_are_forgotten_but_not_those_that_run(store: BatchStore) -> None:
    running, ended = store.create(NEW), store.create(NEW)
    store.advance(ended.number, BatchState.VALIDATING, BatchState.FAILED, 110)
    store.remove_old(before_s=200)
    assert store.find(ended.batch_id) is not None
    store.remove_old(before_s=201)
    assert store.find(ended.batch_id) is None
    assert store.find(running.batch_id) == running


def test_a_user_has_a_limited_number_of_unfinished_batches(store: BatchStore) -> None:
    for _ in range(MAX_UNFINISHED):
        store.create(NEW)
    with pytest.raises(ApiError, match="expected at most 100 unfinished ones of one user, got one more"):
        store.create(NEW)
