from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from router.jobs.job import Job, JobRequest
from router.jobs.workers.table import HEARTBEAT_TIMEOUT_S, WorkerTable
from shared.wire.jobs import TextJob
from shared.wire.supervision import Roster, WorkerState, WorkerStatus
from tests.support.router.workers import beat

READY = WorkerState.READY


def status(name: str, state: WorkerState, worker_id: str = "", detail: str = "") -> WorkerStatus:
    return WorkerStatus(name, "smol", worker_id, state, 3, detail)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the monotonic clock."""

    def set_time(now_s: float) -> None:
        monkeypatch.setattr("router.jobs.workers.table.time.monotonic", lambda: now_s)

    set_time(1000.0)
    return set_time


def test_workers_are_known_by_their_model() -> None:
    table = WorkerTable()
    worker, _ = table.update(beat("worker"))
    assert table.of_model("smol") == [worker]
    assert table.of_model("other") == []


def test_a_second_heartbeat_updates_the_same_worker() -> None:
    table = WorkerTable()
    first, _ = table.update(beat("worker", state=WorkerState.LOADING))
    second, replaced = table.update(beat("worker"))
    assert first is second
    assert second.heartbeat.state is READY
    assert replaced == []


def test_a_new_run_of_a_replica_means_that_the_earlier_one_is_dead() -> None:
    table = WorkerTable()
    earlier, _ = table.update(beat("earlier"))
    neighbour, _ = table.update(beat("neighbour", name="smol-1"))
    later, replaced = table.update(beat("later"))
    assert replaced == [earlier]
    table.remove(earlier)
    assert table.get("earlier") is None
    assert table.all() == [neighbour, later]


def test_the_roster_reports_dead_workers(clock: Callable[[float], None]) -> None:
    table = WorkerTable()
    exited, _ = table.update(beat("exited", "smol-0"))
    failed, _ = table.update(beat("failed", "smol-1"))
    table.update(beat("lives", "smol-2"))
    roster = Roster(
        [
            status("smol-0", WorkerState.EXITED, "exited"),
            status("smol-1", WorkerState.FAILED, "failed"),
            status("smol-2", READY, "lives"),
            status("smol-3", WorkerState.EXITED, "never heard of"),
        ]
    )
    assert table.read_roster(roster) == [exited, failed]


def test_the_exit_of_an_old_run_does_not_remove_the_new_one() -> None:
    table = WorkerTable()
    table.update(beat("new run"))
    assert table.read_roster(Roster([status("smol-0", WorkerState.EXITED, "old run")])) == []


def test_a_worker_is_silent_after_the_timeout(clock: Callable[[float], None]) -> None:
    table = WorkerTable()
    quiet, _ = table.update(beat("quiet", "smol-0"))
    clock(1000.0 + HEARTBEAT_TIMEOUT_S - 0.1)
    table.update(beat("lively", "smol-1"))
    assert table.silent() == []
    clock(1000.0 + HEARTBEAT_TIMEOUT_S + 0.1)
    assert table.silent() == [quiet]


def test_a_worker_that_loads_may_be_silent_as_long_as_its_supervisor_says_that_it_does(
    clock: Callable[[float], None],
) -> None:
    table = WorkerTable()
    worker, _ = table.update(beat("loads", state=WorkerState.LOADING))
    clock(1000.0 + HEARTBEAT_TIMEOUT_S + 0.1)
    table.read_roster(Roster([status("smol-0", WorkerState.LOADING, "loads")]))
    assert table.silent() == []
    table.read_roster(Roster([status("smol-0", WorkerState.LOADING, "another run")]))
    assert table.silent() == [worker]


def test_a_model_is_hopeless_when_all_its_workers_were_given_up() -> None:
    table = WorkerTable()
    assert table.hopeless("smol") is None
    failed = status("smol-0", WorkerState.FAILED, detail="signal 4")
    table.read_roster(Roster([failed, status("smol-1", WorkerState.EXITED)]))
    assert table.hopeless("smol") is None
    table.read_roster(Roster([failed, status("smol-1", WorkerState.FAILED)]))
    assert table.hopeless("smol") == "signal 4"
    assert table.hopeless("other") is None


def test_a_model_that_is_not_ready_is_explained_by_its_workers_states() -> None:
    table = WorkerTable()
    assert table.missing("smol") == "no worker has reported yet"
    table.read_roster(
        Roster([status("smol-0", WorkerState.EXITED, detail="signal 9"), status("smol-1", READY, "worker")])
    )
    table.update(beat("worker", "smol-1", state=WorkerState.LOADING))
    assert table.missing("smol") == "smol-0 exited (signal 9), smol-1 loading"


def test_a_loaded_worker_counts_as_loading_until_it_is_confirmed() -> None:
    table = WorkerTable()
    worker, _ = table.update(beat("worker"))
    assert [row.state for row in table.rows()] == ["loading"]
    worker.confirmed = True
    assert [row.state for row in table.rows()] == ["ready"]


def test_a_row_joins_heartbeats_and_roster() -> None:
    table = WorkerTable()
    table.read_roster(Roster([status("smol-0", READY, "worker"), status("smol-1", WorkerState.SPAWNING)]))
    worker, _ = table.update(beat("worker", "smol-0"))
    worker.confirmed = True
    table.update(replace(beat("stranger", "smol-2"), model="other"))
    living, expected, unlisted = table.rows()
    assert (living.name, living.state, living.pid, living.running, living.queued) == ("smol-0", "ready", 42, 1, 2)
    assert (living.kv_used_tokens, living.memory_bytes, living.restarts) == (30, 1 << 20, 3)
    assert (expected.name, expected.state, expected.pid, expected.slots) == ("smol-1", "spawning", None, 0)
    assert (unlisted.name, unlisted.model, unlisted.restarts) == ("smol-2", "other", 0)


def test_a_model_is_hopeless_for_all_its_workers_reasons() -> None:
    table = WorkerTable()
    failed = replace(status("smol-0", WorkerState.FAILED, detail="signal 4"), last_lines=["a", "b", "no such tensor"])
    drained = status("smol-1", WorkerState.DRAINED, detail="drained")
    table.read_roster(Roster([failed, drained]))
    assert table.hopeless("smol") == "signal 4; last output: a / b / no such tensor; drained"
    assert (
        table.missing("smol")
        == "smol-0 failed (signal 4; last output: a / b / no such tensor), smol-1 drained (drained)"
    )
    assert [row.last_lines for row in table.rows()] == [["a", "b", "no such tensor"], []]


def test_a_drained_replica_has_no_running_worker() -> None:
    table = WorkerTable()
    worker, _ = table.update(beat("worker"))
    assert table.read_roster(Roster([status("smol-0", WorkerState.DRAINED, "worker")])) == [worker]


def test_a_draining_worker_with_jobs_is_overdue_after_the_timeout(clock: Callable[[float], None]) -> None:
    table = WorkerTable()
    table.update(beat("worker"))
    worker, _ = table.update(beat("worker", state=WorkerState.DRAINING))
    idle, _ = table.update(beat("idle", "smol-1", state=WorkerState.DRAINING))
    worker.jobs["job"] = Job("job", JobRequest("request", "user", "smol", TextJob(prompt="")))
    clock(1009.0)
    table.update(beat("worker", state=WorkerState.DRAINING))
    assert table.overdue(10.0) == []
    clock(1010.0)
    assert table.overdue(10.0) == [worker]
    assert idle.draining_at_s == 1000.0


def test_silence_is_not_counted_while_the_router_itself_stood_still(clock: Callable[[float], None]) -> None:
    table = WorkerTable()
    table.update(beat("worker"))
    clock(1000.0 + 100 * HEARTBEAT_TIMEOUT_S)
    table.reset_silence()
    assert table.silent() == []


def test_silence_counts_from_when_a_heartbeat_was_sent(clock: Callable[[float], None]) -> None:
    table = WorkerTable()
    worker, _ = table.update(beat("worker"))
    late = replace(beat("worker"), sent_at_s=1001.0)
    clock(1001.5 + HEARTBEAT_TIMEOUT_S)
    table.update(late)
    assert table.silent() == [worker]
    table.reset_silence()
    table.update(late)
    assert table.silent() == [], "an old heartbeat does not undo it"


def test_a_worker_that_only_the_supervisor_reports_ready_is_not_ready(clock: Callable[[float], None]) -> None:
    table = WorkerTable()
    table.read_roster(Roster([status("smol-0", READY, "one")]))
    assert [row.state for row in table.rows()] == ["loading"]
    worker, _ = table.update(beat("one"))
    assert [row.state for row in table.rows()] == ["loading"]
    worker.confirmed = True
    assert [row.state for row in table.rows()] == ["ready"]


@pytest.mark.parametrize(
    ("state", "worker_id", "expected"),
    [
        (WorkerState.EXITED, "", True),
        (WorkerState.LOADING, "next", True),
        (READY, "not heard of yet", True),
        (READY, "worker", False),
        (WorkerState.DRAINING, "worker", False),
        (WorkerState.DRAINED, "", False),
        (WorkerState.FAILED, "", False),
    ],
)
def test_a_worker_is_expected_while_its_process_starts(state: WorkerState, worker_id: str, expected: bool) -> None:
    table = WorkerTable()
    table.update(beat("worker"))[0].confirmed = True
    table.read_roster(Roster([status("smol-0", state, worker_id)]))
    assert table.expects("smol") == expected
    assert not table.expects("other")


def test_workers_of_closed_places_get_no_jobs_and_neither_do_those_that_come_there_later() -> None:
    table = WorkerTable()
    first, _ = table.update(beat("1", "smol/0"))
    assert table.close_places({"smol/0", "smol/1"}) == []
    later, _ = table.update(beat("2", "smol/1"))
    assert (first.closed, later.closed) == (True, True)
    assert table.close_places({"smol/1"}) == [first]
    assert (first.closed, later.closed) == (False, True)


@pytest.mark.parametrize(
    ("states", "hopeless"),
    [
        ([WorkerState.FAILED], True),
        ([WorkerState.FAILED, WorkerState.UNLOADED], True),
        ([WorkerState.DRAINED, WorkerState.UNLOADED], False),  # another may be loaded
        ([WorkerState.FAILED, WorkerState.LOADING], False),
        ([WorkerState.UNLOADED], False),
    ],
    ids=lambda given: "-".join(given) if isinstance(given, list) else str(given),
)
def test_a_model_whose_places_are_empty_is_hopeless_only_while_its_last_load_has_failed(
    states: list[WorkerState], hopeless: bool
) -> None:
    table = WorkerTable()
    table.read_roster(Roster([status(f"smol/{number}", state, detail="why") for number, state in enumerate(states)]))
    assert table.hopeless("smol") == ("why" if hopeless else None)
