"""The places of models as the policy sees them."""

from __future__ import annotations

from router.jobs.residency.places import PlaceBook
from router.jobs.residency.plan import Stage
from router.jobs.workers.rows import measured
from router.jobs.workers.worker import Worker
from shared.wire.messages import EngineStats, Heartbeat
from shared.wire.supervision import LoadWorker, UnloadWorker, WorkerState, WorkerStatus


def status(state: WorkerState, **memory: int) -> WorkerStatus:
    return WorkerStatus("m/0", "m", "m/0.1", state, 0, "", [], memory)


def worker(held: int, on_gpus: int = 0) -> Worker:
    beat = Heartbeat(
        "m/0.1", "m/0", "m", 1, "cpu", WorkerState.READY, 1.0, 1, 1, held, 0.0, EngineStats(), 0.0,
        device_memory_bytes=on_gpus,
    )  # fmt: skip
    return Worker(beat, 0.0)


def stages(book: PlaceBook, *statuses: WorkerStatus) -> list[Stage]:
    return [view.stage for view in book.view(statuses, {})]


def test_a_place_goes_from_its_order_to_its_end() -> None:
    book = PlaceBook()
    assert stages(book, status(WorkerState.UNLOADED)) == []
    book.order_load(LoadWorker("m/0", b"{}", {"cpu": 5}), "m")
    (view,) = book.view([status(WorkerState.UNLOADED)], {})
    assert (view.stage, view.memory, view.model) == (Stage.LOADING, {"cpu": 5}, "m")
    assert stages(book, status(WorkerState.UNLOADED)) == [Stage.LOADING]
    assert stages(book, status(WorkerState.LOADING, cpu=5)) == [Stage.LOADING]
    assert stages(book, status(WorkerState.READY, cpu=5)) == [Stage.READY]
    book.closed_for["m/0"] = "other"
    assert stages(book, status(WorkerState.READY, cpu=5)) == [Stage.CLOSED]
    book.order_unload(UnloadWorker("m/0", 0.0, "a test"))
    assert stages(book, status(WorkerState.READY, cpu=5)) == [Stage.LEAVING]
    assert stages(book, status(WorkerState.EXITED, cpu=5)) == [Stage.LEAVING]
    assert stages(book, status(WorkerState.UNLOADED)) == []
    assert book.closed_for == {}


def test_a_worker_that_has_crashed_keeps_its_memory_for_its_successor() -> None:
    book = PlaceBook()
    book.view([status(WorkerState.READY, cpu=5)], {})
    (view,) = book.view([status(WorkerState.EXITED, cpu=5)], {})
    assert (view.stage, view.memory) == (Stage.LOADING, {"cpu": 5})


def test_a_place_that_has_failed_or_was_drained_holds_nothing() -> None:
    assert stages(PlaceBook(), status(WorkerState.FAILED), status(WorkerState.DRAINED)) == []


def test_a_worker_that_holds_more_than_was_planned_counts_with_that() -> None:
    (view,) = PlaceBook().view([status(WorkerState.READY, cpu=5)], {"m/0": worker(9)})
    assert view.memory == {"cpu": 9}
    (view,) = PlaceBook().view([status(WorkerState.READY, cpu=5)], {"m/0": worker(2)})
    assert view.memory == {"cpu": 5}


def test_what_is_held_on_several_gpus_is_shared_equally() -> None:
    planned = WorkerStatus("m/0", "m", "m/0.1", WorkerState.READY, 0, "", [], {"cpu": 1, "cuda:0": 4, "cuda:1": 4})
    assert measured(planned, worker(3, on_gpus=10)) == {"cpu": 3, "cuda:0": 5, "cuda:1": 5}
