from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from router.jobs.job import Job, JobRequest
from router.jobs.workers.prefix import Cut
from router.jobs.workers.table import BUSIER, HEARTBEAT_TIMEOUT_S, WORTH_A_JOB, Worker, WorkerTable, choose_worker
from shared.wire.jobs import TextJob
from shared.wire.messages import EngineStats, Heartbeat, Roster, WorkerState, WorkerStatus

READY = WorkerState.READY
SHORT, LONG, WHOLE = Cut(b"a", 2 * WORTH_A_JOB), Cut(b"b", 3 * WORTH_A_JOB), Cut(b"c", 100 * WORTH_A_JOB)


def beat(worker_id: str, name: str = "smol-0", state: WorkerState = READY, slots: int = 8) -> Heartbeat:
    stats = EngineStats(running=1, waiting=2, kv_used_tokens=30)
    return Heartbeat(worker_id, name, "smol", 42, "cpu", state, 1.0, slots, 2048, 1 << 20, 0.0, {}, stats)


def worker_with(jobs: int, cuts: list[Cut] | None = None, slots: int = 8) -> Worker:
    worker = Worker(beat("worker", slots=slots), heard_at_s=0.0, confirmed=True)
    for number in range(jobs):
        worker.jobs[str(number)] = Job(str(number), JobRequest("request", "user", "smol", TextJob(prompt="")))
    worker.prefixes.remember(cuts or [])
    return worker


def status(name: str, state: WorkerState, worker_id: str = "", detail: str = "") -> WorkerStatus:
    return WorkerStatus(name, "smol", worker_id, state, 3, detail)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the time that the table sees."""

    def set_time(now_s: float) -> None:
        monkeypatch.setattr("router.jobs.workers.table.time.monotonic", lambda: now_s)

    set_time(1000.0)
    return set_time


def test_the_worker_that_holds_most_of_the_prompt_is_chosen() -> None:
    short, long, none = worker_with(0, [SHORT]), worker_with(1, [SHORT, LONG]), worker_with(0)
    assert choose_worker([none, short, long], [SHORT, LONG, WHOLE]) is long


def test_without_a_cached_prefix_the_calmest_worker_is_chosen() -> None:
    busy, calm = worker_with(3), worker_with(1)
    assert choose_worker([busy, calm], [SHORT]) is calm


def test_a_short_prefix_is_no_reason_to_leave_an_idle_worker_idle() -> None:
    greeted, idle = worker_with(1, [Cut(b"a", WORTH_A_JOB // 2)]), worker_with(0)
    assert choose_worker([greeted, idle], [Cut(b"a", WORTH_A_JOB // 2), LONG]) is idle


def test_load_is_measured_by_the_slots() -> None:
    half_full, nearly_full = worker_with(4, slots=8), worker_with(3, slots=4)
    assert choose_worker([nearly_full, half_full], []) is half_full


@pytest.mark.parametrize("lead", [BUSIER, BUSIER + 1])
def test_a_cached_prefix_is_given_up_for_a_worker_that_is_much_calmer(lead: int) -> None:
    holder, calm = worker_with(1 + lead, [WHOLE]), worker_with(1)
    assert choose_worker([holder, calm], [WHOLE]) is (calm if lead > BUSIER else holder)


def test_a_worker_has_room_for_its_slots_and_a_little_more() -> None:
    assert [worker_with(jobs, slots=16).has_room for jobs in (16, 17, 18)] == [True, True, False]
    assert [worker_with(jobs, slots=2).has_room for jobs in (2, 3)] == [True, False]


def test_a_worker_with_one_slot_gets_one_job_and_none_while_it_is_rid_of_a_cancelled_one() -> None:
    assert [worker_with(jobs, slots=1).has_room for jobs in (0, 1)] == [True, False]
    table = WorkerTable()
    worker, _ = table.hear(beat("worker", slots=1))
    worker.confirmed = worker.occupied = True
    table.hear(beat("worker", slots=1))
    assert not worker.has_room
    table.hear(replace(beat("worker", slots=1), stats=EngineStats(running=0)))
    assert worker.has_room


def test_a_worker_is_given_jobs_only_when_confirmed_and_ready() -> None:
    worker = worker_with(0)
    worker.confirmed = False
    assert not worker.has_room
    worker.confirmed = True
    worker.heartbeat = beat("worker", state=WorkerState.DRAINING)
    assert not worker.has_room


def test_only_workers_of_the_model_have_room_for_it() -> None:
    table = WorkerTable()
    worker, _ = table.hear(beat("worker"))
    worker.confirmed = True
    assert table.with_room("smol") == [worker]
    assert table.with_room("other") == []


def test_a_second_heartbeat_is_of_the_same_worker() -> None:
    table = WorkerTable()
    first, _ = table.hear(beat("worker", state=WorkerState.LOADING))
    second, replaced = table.hear(beat("worker"))
    assert first is second
    assert second.heartbeat.state is READY
    assert replaced == []


def test_a_new_run_in_the_same_place_tells_that_the_earlier_one_is_dead() -> None:
    table = WorkerTable()
    earlier, _ = table.hear(beat("earlier"))
    neighbour, _ = table.hear(beat("neighbour", name="smol-1"))
    later, replaced = table.hear(beat("later"))
    assert replaced == [earlier]
    table.remove(earlier)
    assert table.get("earlier") is None
    assert table.all() == [neighbour, later]


def test_the_roster_names_the_dead(clock: Callable[[float], None]) -> None:
    table = WorkerTable()
    exited, _ = table.hear(beat("exited", "smol-0"))
    failed, _ = table.hear(beat("failed", "smol-1"))
    table.hear(beat("lives", "smol-2"))
    roster = Roster(
        [
            status("smol-0", WorkerState.EXITED, "exited"),
            status("smol-1", WorkerState.FAILED, "failed"),
            status("smol-2", READY, "lives"),
            status("smol-3", WorkerState.EXITED, "never heard of"),
        ]
    )
    assert table.read_roster(roster) == [exited, failed]


def test_a_restarted_place_does_not_bury_the_new_run() -> None:
    table = WorkerTable()
    table.hear(beat("new run"))
    assert table.read_roster(Roster([status("smol-0", WorkerState.EXITED, "old run")])) == []


def test_a_worker_is_silent_after_the_timeout(clock: Callable[[float], None]) -> None:
    table = WorkerTable()
    quiet, _ = table.hear(beat("quiet", "smol-0"))
    clock(1000.0 + HEARTBEAT_TIMEOUT_S - 0.1)
    table.hear(beat("lively", "smol-1"))
    assert table.silent() == []
    clock(1000.0 + HEARTBEAT_TIMEOUT_S + 0.1)
    assert table.silent() == [quiet]


def test_a_model_is_hopeless_when_all_its_workers_were_given_up() -> None:
    table = WorkerTable()
    assert table.hopeless("smol") is None
    failed = status("smol-0", WorkerState.FAILED, detail="signal 4")
    table.read_roster(Roster([failed, status("smol-1", WorkerState.EXITED)]))
    assert table.hopeless("smol") is None
    table.read_roster(Roster([failed, status("smol-1", WorkerState.FAILED)]))
    assert table.hopeless("smol") == "signal 4"
    assert table.hopeless("other") is None


def test_what_a_model_waits_for_is_told_by_place_state_and_reason() -> None:
    table = WorkerTable()
    assert table.missing("smol") == "no worker has reported yet"
    table.read_roster(
        Roster([status("smol-0", WorkerState.EXITED, detail="signal 9"), status("smol-1", READY, "worker")])
    )
    table.hear(beat("worker", "smol-1", state=WorkerState.LOADING))
    assert table.missing("smol") == "smol-0 exited (signal 9), smol-1 loading"


def test_a_loaded_worker_counts_as_loading_until_it_is_confirmed() -> None:
    table = WorkerTable()
    worker, _ = table.hear(beat("worker"))
    assert [row.state for row in table.rows()] == ["loading"]
    worker.confirmed = True
    assert [row.state for row in table.rows()] == ["ready"]


def test_a_row_joins_heartbeats_and_roster() -> None:
    table = WorkerTable()
    table.read_roster(Roster([status("smol-0", READY, "worker"), status("smol-1", WorkerState.SPAWNING)]))
    worker, _ = table.hear(beat("worker", "smol-0"))
    worker.confirmed = True
    table.hear(replace(beat("stranger", "smol-2"), model="other"))
    living, expected, unlisted = table.rows()
    assert (living.name, living.state, living.pid, living.running, living.queued) == ("smol-0", "ready", 42, 1, 2)
    assert (living.kv_used_tokens, living.memory_bytes, living.restarts) == (30, 1 << 20, 3)
    assert (expected.name, expected.state, expected.pid, expected.slots) == ("smol-1", "spawning", None, 0)
    assert (unlisted.name, unlisted.model, unlisted.restarts) == ("smol-2", "other", 0)


def test_a_model_whose_workers_are_all_given_up_or_taken_out_is_hopeless_for_all_their_reasons() -> None:
    table = WorkerTable()
    failed = replace(status("smol-0", WorkerState.FAILED, detail="signal 4"), last_lines=["a", "b", "no such tensor"])
    drained = status("smol-1", WorkerState.DRAINED, detail="drained")
    table.read_roster(Roster([failed, drained]))
    assert table.hopeless("smol") == "signal 4; it wrote last: a / b / no such tensor; drained"
    assert (
        table.missing("smol")
        == "smol-0 failed (signal 4; it wrote last: a / b / no such tensor), smol-1 drained (drained)"
    )
    assert [row.last_lines for row in table.rows()] == [["a", "b", "no such tensor"], []]


def test_a_drained_place_has_no_living_worker() -> None:
    table = WorkerTable()
    worker, _ = table.hear(beat("worker"))
    assert table.read_roster(Roster([status("smol-0", WorkerState.DRAINED, "worker")])) == [worker]


def test_a_worker_that_is_to_end_is_overdue_once_its_time_is_over(clock: Callable[[float], None]) -> None:
    table = WorkerTable()
    table.hear(beat("worker"))
    worker, _ = table.hear(beat("worker", state=WorkerState.DRAINING))
    idle, _ = table.hear(beat("idle", "smol-1", state=WorkerState.DRAINING))
    worker.jobs["job"] = Job("job", JobRequest("request", "user", "smol", TextJob(prompt="")))
    clock(1009.0)
    table.hear(beat("worker", state=WorkerState.DRAINING))
    assert table.overdue(10.0) == []
    clock(1010.0)
    assert table.overdue(10.0) == [worker]
    assert idle.draining_at_s == 1000.0


def test_workers_are_forgiven_what_the_router_itself_did_not_hear(clock: Callable[[float], None]) -> None:
    table = WorkerTable()
    table.hear(beat("worker"))
    clock(1000.0 + 100 * HEARTBEAT_TIMEOUT_S)
    table.forgive()
    assert table.silent() == []


def test_a_worker_that_only_the_supervisor_knows_as_ready_is_not_shown_as_ready(clock: Callable[[float], None]) -> None:
    table = WorkerTable()
    table.read_roster(Roster([status("smol-0", READY, "one")]))
    assert [row.state for row in table.rows()] == ["loading"]
    worker, _ = table.hear(beat("one"))
    assert [row.state for row in table.rows()] == ["loading"]
    worker.confirmed = True
    assert [row.state for row in table.rows()] == ["ready"]
