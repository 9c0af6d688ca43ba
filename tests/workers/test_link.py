from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from shared.wire.codec import encode
from shared.wire.jobs import Sampling, TextJob
from shared.wire.messages import (
    Acknowledge,
    Cancel,
    Drain,
    Event,
    Orphan,
    Replay,
    Replayed,
    ReportAnswer,
    Roster,
    Submit,
)
from shared.wire.payloads import Done, Failed, FinishReason, Payload, Started, Tokens
from tests.support.router.router_end import RouterEnd
from workers.link import Command, Submission, WorkerLink

DONE = Done(FinishReason.STOP, 3, 0, 3, 0.1)


@pytest.fixture
def router() -> Iterator[RouterEnd]:
    router = RouterEnd()
    yield router
    router.close()


class LinkedWorker:
    """A link whose engine is the test."""

    def __init__(self, router: RouterEnd) -> None:
        self.commands: list[Command] = []
        self.link = WorkerLink("worker", router.endpoints, self.commands.append)
        self.link.start()

    @property
    def submissions(self) -> list[Submission]:
        return [command for command in self.commands if isinstance(command, Submission)]


@pytest.fixture
def worker(router: RouterEnd) -> Iterator[LinkedWorker]:
    worker = LinkedWorker(router)
    yield worker
    worker.link.stop()


def begin(router: RouterEnd, worker: LinkedWorker, job_id: str = "job") -> None:
    router.probe()
    router.submit(job_id)
    router.wait_until(lambda: any(s.message.job_id == job_id for s in worker.submissions), "the submission")


def emit_three(router: RouterEnd, worker: LinkedWorker, job_id: str = "job") -> list[Event]:
    """Emit three payloads of a job; returns their events."""
    payloads: list[Payload] = [Started(3, 0), Tokens("a ", [0]), DONE]
    for payload in payloads:
        worker.link.emit([(job_id, payload)])
    router.wait_for_end(job_id)
    return [Event(job_id, seq, payload) for seq, payload in enumerate(payloads)]


def test_a_probe_comes_back_over_the_bus(router: RouterEnd, worker: LinkedWorker) -> None:
    router.probe()
    assert router.echoes[-1].worker_id == "worker"


def test_a_job_arrives_with_the_frames_that_follow_it(router: RouterEnd, worker: LinkedWorker) -> None:
    begin(router, worker, "first")
    router.submit_work("second", TextJob(prompt="a b c"), b"audio", b"more", generated=[7, 8])
    router.wait_until(lambda: len(worker.submissions) == 2)
    assert worker.submissions[1].message.generated == [7, 8]
    assert worker.submissions[1].blobs == [b"audio", b"more"]


def test_choices_of_one_prompt_differ_in_their_seeds(router: RouterEnd, worker: LinkedWorker) -> None:
    router.probe()
    work = TextJob(prompt="a b c", sampling=Sampling(seed=1, top_k=7))
    for seed in (1, 2):
        router.submit_work(f"choice-{seed}", work, seed=seed)
    router.wait_until(lambda: len(worker.submissions) == 2)
    second = replace(work, sampling=Sampling(seed=2, top_k=7))
    assert [submission.work for submission in worker.submissions] == [work, second]


@pytest.mark.parametrize("frames", [[], [b""], [encode(Cancel("job"))], [encode(TextJob(prompt="a"))[:-1]]])
def test_a_job_whose_work_cannot_be_read_fails(router: RouterEnd, worker: LinkedWorker, frames: list[bytes]) -> None:
    router.probe()
    router.send(Submit("job", router.router_id, router.next_number(), ticket=b"ticket"), *frames)
    (event,) = router.wait_for_end("job")
    assert isinstance(event.payload, Failed)
    assert (event.payload.status, event.payload.code) == (500, "unreadable_request")
    assert event.payload.message.startswith("the worker cannot read this request: ")
    assert worker.submissions == []
    assert router.wait_for_report(lambda report: True).received == 1


def test_events_are_numbered_without_a_gap(router: RouterEnd, worker: LinkedWorker) -> None:
    begin(router, worker)
    assert emit_three(router, worker) == router.events["job"]


def test_the_events_of_one_step_come_in_one_message(router: RouterEnd, worker: LinkedWorker) -> None:
    begin(router, worker, "a")
    begin(router, worker, "b")
    worker.link.emit([("a", Started(1, 0)), ("b", Started(1, 0)), ("a", Tokens("x", [1])), ("a", DONE), ("b", DONE)])
    router.wait_for_end("b")
    assert len(router.steps) == 1
    assert [(event.job_id, event.seq) for event in router.steps[0].events] == [
        ("a", 0),
        ("b", 0),
        ("a", 1),
        ("a", 2),
        ("b", 1),
    ]


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


def test_no_event_follows_a_cancellation(router: RouterEnd, worker: LinkedWorker) -> None:
    begin(router, worker, "gone")
    begin(router, worker, "stays")
    worker.link.emit([("gone", Started(1, 0))])
    router.wait_until(lambda: router.events["gone"])
    router.send(Cancel("gone"))
    router.wait_until(lambda: Cancel("gone") in worker.commands)
    worker.link.emit([("gone", Tokens("x", [1])), ("gone", DONE), ("stays", DONE)])
    router.wait_for_end("stays")
    assert [event.seq for event in router.events["gone"]] == [0]


def test_a_job_sent_twice_is_passed_on_once(router: RouterEnd, worker: LinkedWorker) -> None:
    begin(router, worker, "job")
    router.submit("job")
    begin(router, worker, "next")
    assert [submission.message.job_id for submission in worker.submissions] == ["job", "next"]


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


def begin_with_ticket(router: RouterEnd, worker: LinkedWorker, job_id: str) -> Orphan:
    """Start a resumable job; returns what another run of the router gets of it."""
    router.probe()
    work = TextJob(prompt="a b c")
    submit = router.submit_work(job_id, work, ticket=b"ticket", keep_s=60.0)
    router.wait_until(lambda: any(s.message.job_id == job_id for s in worker.submissions), "the submission")
    return Orphan(submit, encode(work), counted=False)


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


def test_a_new_run_of_the_router_gets_no_numbers_of_the_earlier_one(router: RouterEnd, worker: LinkedWorker) -> None:
    begin(router, worker, "job")
    router.listen_as("run-2")
    router.probe()
    report = router.wait_for_report(lambda report: True)
    assert (report.received, report.jobs) == (0, {})


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


def test_the_events_of_a_step_too_large_for_a_message_come_in_several(
    router: RouterEnd, worker: LinkedWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(router, worker)
    monkeypatch.setattr("workers.link.MAX_FRAME_BYTES", 200)
    monkeypatch.setattr("workers.link.MAX_PART_BYTES", 100)
    worker.link.emit([("job", Tokens("a" * 60, [0])), ("job", Tokens("b" * 120, [1])), ("job", DONE)])
    assert [event.seq for event in router.wait_for_end("job")] == [0, 1, 2]
    assert [len(step.events) for step in router.steps] == [1, 1, 1]


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


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\x93\x01\x04",
        b"\xff" * 100,
        encode(Roster([])),
        encode(Replayed("worker", "job", True, [])),
    ],
)
def test_a_frame_that_is_not_a_command_is_ignored(router: RouterEnd, worker: LinkedWorker, garbage: bytes) -> None:
    begin(router, worker, "before")
    router.send_raw(garbage, b"blob")
    begin(router, worker, "after")
    assert [submission.message.job_id for submission in worker.submissions] == ["before", "after"]


def test_a_drain_is_passed_on(router: RouterEnd, worker: LinkedWorker) -> None:
    router.probe()
    router.send(Drain())
    router.wait_until(lambda: Drain() in worker.commands)


def test_events_emitted_before_the_stop_are_still_sent(router: RouterEnd, worker: LinkedWorker) -> None:
    begin(router, worker)
    for seq in range(200):
        worker.link.emit([("job", Tokens("x", [seq]))])
    worker.link.emit([("job", DONE)])
    worker.link.stop()
    assert [event.seq for event in router.wait_for_end("job")] == list(range(201))
