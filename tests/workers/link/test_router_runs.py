"""What a worker does with the jobs of an earlier run of the router."""

from __future__ import annotations

import pytest

from shared.wire.messages import Acknowledge, Cancel, Event, Replay, ReportAnswer
from shared.wire.payloads import Started, Tokens
from tests.support.router.router_end import RouterEnd
from tests.support.workers.linked_worker import LinkedWorker, begin, begin_with_ticket, emit_three


def test_a_new_run_of_the_router_ends_the_jobs_of_its_earlier_run(router: RouterEnd, worker: LinkedWorker) -> None:
    begin(router, worker, "orphan")
    router.listen_as("run-2")
    router.probe()
    router.wait_until(lambda: Cancel("orphan") in worker.commands, "the cancellation")
    begin(router, worker, "new")
    router.probe()
    assert worker.commands.count(Cancel("orphan")) == 1
    assert Cancel("new") not in worker.commands
    assert router.wait_for_report(lambda report: True).jobs == {"new": -1}


def test_a_new_run_of_the_router_goes_on_with_the_jobs_that_have_a_ticket(
    router: RouterEnd, worker: LinkedWorker
) -> None:
    orphan = begin_with_ticket(router, worker, "job")
    worker.link.emit([("job", Started(3, 0)), ("job", Tokens("a ", [0]))])
    router.wait_until(lambda: len(router.events["job"]) == 2, "two events")
    earlier = router.events.pop("job")
    router.listen_as("run-2")
    router.probe()
    assert router.echoes[-1].orphans == [orphan]
    worker.link.emit([("job", Tokens("b ", [1]))])
    router.wait_until(lambda: router.events["job"], "an event for the new router")
    router.send(Replay("job", 0))
    router.wait_until(lambda: router.replays, "the replay")
    assert router.replays[0].events == [*earlier, Event("job", 2, Tokens("b ", [1]))]
    assert Cancel("job") not in worker.commands
    router.probe()
    assert router.echoes[-1].orphans == [], "it is the new router's now"


def test_a_new_run_of_the_router_gets_the_events_of_a_job_that_has_ended(
    router: RouterEnd, worker: LinkedWorker
) -> None:
    begin_with_ticket(router, worker, "job")
    events = emit_three(router, worker)
    router.send(Acknowledge(["job"]))
    router.wait_for_report(lambda report: report.jobs == {})
    assert worker.link.kept_jobs() == 0, "a drained worker does not wait for it"
    router.listen_as("run-2")
    router.probe()
    assert [(orphan.submit.job_id, orphan.counted) for orphan in router.echoes[-1].orphans] == [("job", True)]
    router.send(Replay("job", 0))
    router.wait_until(lambda: router.replays, "the replay")
    assert router.replays[0].events == events
    router.send(Cancel("job"))
    router.wait_for_report(lambda report: report.jobs == {})
    router.listen_as("run-3")
    router.probe()
    assert router.echoes[-1].orphans == []


def test_a_probe_of_the_same_run_ends_nothing(router: RouterEnd, worker: LinkedWorker) -> None:
    begin(router, worker, "job")
    router.probe()
    emit_three(router, worker)
    assert Cancel("job") not in worker.commands


def test_a_new_run_of_the_router_gets_no_numbers_of_the_earlier_one(router: RouterEnd, worker: LinkedWorker) -> None:
    begin(router, worker, "job")
    router.listen_as("run-2")
    router.probe()
    report = router.wait_for_report(lambda report: True)
    assert (report.received, report.jobs) == (0, {})


def test_all_events_of_a_resumable_job_are_kept_up_to_a_limit(
    router: RouterEnd, worker: LinkedWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_with_ticket(router, worker, "job")
    events = emit_three(router, worker)
    answer = ReportAnswer(router.router_id, 1, {"job": 2})
    router.send(answer)
    router.send(Replay("job", 0))
    router.wait_until(lambda: router.replays, "the replay")
    assert router.replays[0].events == events
    monkeypatch.setattr("workers.link.MAX_RESUMABLE_EVENTS", 2)
    router.send(answer)
    router.send(Replay("job", 0))
    router.wait_until(lambda: len(router.replays) == 2, "the replay")
    assert not router.replays[1].known
    router.listen_as("run-2")
    router.probe()
    assert router.echoes[-1].orphans == []
