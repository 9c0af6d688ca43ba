from __future__ import annotations

import pytest
from msgspec.structs import replace

from router.jobs.workers.table import WorkerTable
from shared.wire.messages import EngineStats
from shared.wire.supervision import WorkerState
from tests.support.router.workers import beat, worker_with


def test_a_worker_has_room_for_a_few_more_jobs_than_slots() -> None:
    assert [worker_with(jobs, slots=16).has_room for jobs in (16, 17, 18)] == [True, True, False]
    assert [worker_with(jobs, slots=2).has_room for jobs in (2, 3)] == [True, False]


def test_a_worker_with_one_slot_gets_one_job_and_none_while_it_computes_a_cancelled_one() -> None:
    assert [worker_with(jobs, slots=1).has_room for jobs in (0, 1)] == [True, False]
    table = WorkerTable()
    worker, _ = table.update(beat("worker", slots=1))
    worker.confirmed = worker.occupied = True
    table.update(beat("worker", slots=1))
    assert not worker.has_room
    table.update(replace(beat("worker", slots=1), stats=EngineStats(running=0)))
    assert worker.has_room


def test_a_worker_gets_jobs_only_when_confirmed_and_ready() -> None:
    worker = worker_with(0)
    worker.confirmed = False
    assert not worker.has_room
    worker.confirmed = True
    worker.heartbeat = beat("worker", state=WorkerState.DRAINING)
    assert not worker.has_room


def test_a_worker_that_does_not_read_gets_no_more_than_fits_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.jobs.workers.worker.MAX_UNREAD_BYTES", 100)
    worker = worker_with(0)
    worker.note_sent(1, 60)
    assert worker.has_room
    worker.note_sent(4, 60)
    assert (worker.submitted, worker.has_room) == (4, False)
    worker.note_received(0)
    assert not worker.has_room
    worker.note_received(3)
    assert worker.has_room
    worker.note_received(4)
    assert worker.unread_bytes == 0
