"""Commands that reach a worker, and events that leave it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from shared.wire.codec import encode
from shared.wire.jobs import Sampling, TextJob
from shared.wire.messages import Cancel, Drain, Replayed, Submit
from shared.wire.payloads import Failed, Started, Tokens
from shared.wire.supervision import Roster
from tests.support.router.router_end import RouterEnd
from tests.support.workers.linked_worker import DONE, LinkedWorker, begin, emit_three


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


def test_the_events_of_a_step_too_large_for_a_message_come_in_several(
    router: RouterEnd, worker: LinkedWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(router, worker)
    monkeypatch.setattr("workers.link.MAX_FRAME_BYTES", 200)
    monkeypatch.setattr("workers.link.MAX_PART_BYTES", 100)
    worker.link.emit([("job", Tokens("a" * 60, [0])), ("job", Tokens("b" * 120, [1])), ("job", DONE)])
    assert [event.seq for event in router.wait_for_end("job")] == [0, 1, 2]
    assert [len(step.events) for step in router.steps] == [1, 1, 1]


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
