"""What has become of the workers."""

from __future__ import annotations

import dataclasses

from router.jobs.workers.history import MAX_EVENTS, WorkerEvent, WorkerHistory
from tests.support.router.fake_broker import ROW


def test_each_change_is_noted_with_how_long_the_state_before_lasted() -> None:
    history = WorkerHistory()
    for state, now_s in (("spawning", 1.0), ("loading", 1.5), ("loading", 2.0), ("ready", 4.5)):
        history.note([dataclasses.replace(ROW, state=state)], now_s, 1000 + now_s)
    assert history.between(0, 2000) == [
        WorkerEvent(1001.0, "smol-0", "smol", "spawning", None, None, ""),
        WorkerEvent(1001.5, "smol-0", "smol", "loading", "spawning", 0.5, ""),
        WorkerEvent(1004.5, "smol-0", "smol", "ready", "loading", 3.0, ""),
    ]


def test_only_an_ended_worker_says_why() -> None:
    history = WorkerHistory()
    for state in ("exited", "spawning"):
        history.note([dataclasses.replace(ROW, state=state, detail="signal 9")], 1.0, 1.0)
    assert [(event.state, event.detail) for event in history.between(0, 2)] == [
        ("exited", "signal 9"),
        ("spawning", ""),
    ]


def test_a_span_of_time_is_open_at_its_beginning() -> None:
    history = WorkerHistory()
    for at_s, state in enumerate(("spawning", "loading", "ready"), 1):
        history.note([dataclasses.replace(ROW, state=state)], at_s, at_s)
    assert [event.state for event in history.between(1, 2)] == ["loading"]


def test_no_more_than_the_latest_are_kept() -> None:
    history = WorkerHistory()
    for turn in range(MAX_EVENTS + 10):
        history.note([dataclasses.replace(ROW, state=("ready", "loading")[turn % 2])], turn, turn)
    assert [event.at_s for event in history.between(-1, 10_000)] == [*range(10, MAX_EVENTS + 10)]
