"""Reports of what has arrived, and events that are sent again."""

from __future__ import annotations

import pytest

from shared.wire.messages import Acknowledge, Replay, ReportAnswer
from shared.wire.payloads import Tokens
from tests.support.router.router_end import RouterEnd
from tests.support.workers.linked_worker import LinkedWorker, begin, emit_three


@pytest.mark.parametrize(("first", "expected"), [(0, [0, 1, 2]), (1, [1, 2]), (2, [2]), (3, [])])
def test_a_replay_holds_exactly_the_missing_events(
    router: RouterEnd, worker: LinkedWorker, first: int, expected: list[int]
) -> None:
    begin(router, worker)
    events = emit_three(router, worker)
    router.send(Replay("job", first))
    router.wait_until(lambda: router.replays, "the replay")
    replay = router.replays[0]
    assert (replay.job_id, replay.known) == ("job", True)
    assert replay.events == [events[seq] for seq in expected]


def test_an_acknowledged_job_is_forgotten(router: RouterEnd, worker: LinkedWorker) -> None:
    begin(router, worker)
    emit_three(router, worker)
    router.wait_for_report(lambda report: report.jobs == {"job": 2})
    router.send(Acknowledge(["job", "another"]))
    router.wait_for_report(lambda report: report.jobs == {})
    router.send(Replay("job", 0))
    router.wait_until(lambda: router.replays, "the replay")
    assert (router.replays[0].known, router.replays[0].events) == (False, [])


def test_reports_list_the_last_sequence_number_of_each_job(router: RouterEnd, worker: LinkedWorker) -> None:
    begin(router, worker, "ended")
    begin(router, worker, "silent")
    emit_three(router, worker, "ended")
    report = router.wait_for_report(lambda report: report.jobs.get("ended") == 2)
    assert report.jobs == {"ended": 2, "silent": -1}


def test_a_report_says_which_submissions_have_arrived(router: RouterEnd, worker: LinkedWorker) -> None:
    begin(router, worker, "first")
    assert router.wait_for_report(lambda report: report.received == 1).jobs == {"first": -1}
    router.next_number()  # a submission that is lost
    router.send(ReportAnswer(router.router_id, 2, {}))
    assert router.wait_for_report(lambda report: report.received == 2).jobs == {"first": -1}
    router.send(ReportAnswer(router.router_id, 1, {}))  # an older one
    begin(router, worker, "third")
    assert router.wait_for_report(lambda report: report.received == 3).jobs == {"first": -1, "third": -1}


def test_events_that_the_router_has_are_dropped(router: RouterEnd, worker: LinkedWorker) -> None:
    begin(router, worker)
    events = emit_three(router, worker)
    router.send(ReportAnswer(router.router_id, 1, {"job": 2, "another": 7}))
    router.send(Replay("job", 2))
    router.send(Replay("job", 1))
    router.wait_until(lambda: len(router.replays) == 2, "the replays")
    assert [(replay.known, replay.events) for replay in router.replays] == [(True, events[2:]), (False, [])]
    assert router.wait_for_report(lambda report: True).jobs == {"job": 2}


def test_a_replay_comes_in_parts_of_limited_size(
    router: RouterEnd, worker: LinkedWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(router, worker)
    payloads = [Tokens(text, [0]) for text in ("a" * 60, "b", "c" * 200, "d", "e" * 60)]
    for payload in payloads:
        worker.link.emit([("job", payload)])
    router.wait_until(lambda: len(router.events["job"]) == 5, "the events")
    monkeypatch.setattr("workers.link.MAX_PART_BYTES", 100)
    router.send(Replay("job", 0))
    router.wait_until(lambda: sum(len(replay.events) for replay in router.replays) == 5, "the replays")
    assert [[event.seq for event in replay.events] for replay in router.replays] == [[0, 1], [2], [3, 4]]
    assert all(replay.known for replay in router.replays)
