from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from shared.wire.messages import EngineStats, Heartbeat
from shared.wire.supervision import WorkerState
from tests.support.router.router_end import RouterEnd
from workers.link import WorkerLink
from workers.pulse import Pulse


def heartbeat() -> Heartbeat:
    place = ("worker", "smol-0", "smol", os.getpid(), "cpu", WorkerState.READY, 1.0)
    return Heartbeat(*place, 4, 100, 0, 0.0, EngineStats(), time.monotonic())


@pytest.fixture
def router() -> Iterator[RouterEnd]:
    router = RouterEnd()
    yield router
    router.close()


@pytest.fixture
def pulse(router: RouterEnd) -> Iterator[Pulse]:
    pulse = Pulse(router.endpoints, heartbeat)
    pulse.start()
    yield pulse
    pulse.stop()


def test_heartbeats_come_again_and_again_and_say_when_they_were_sent(router: RouterEnd, pulse: Pulse) -> None:
    router.wait_until(lambda: len(router.heartbeats) >= 3, "three heartbeats")
    sent_at_s = [beat.sent_at_s for beat in router.heartbeats]
    assert sent_at_s == sorted(set(sent_at_s))
    assert sent_at_s[-1] <= time.monotonic()


def test_a_new_state_is_published_at_once(router: RouterEnd, pulse: Pulse, monkeypatch: pytest.MonkeyPatch) -> None:
    router.wait_for_heartbeat(lambda beat: True)
    monkeypatch.setattr("workers.pulse.HEARTBEAT_INTERVAL_S", 3600.0)
    for _ in range(3):  # one regular heartbeat may still be due; the others come only at a change
        pulse.beat()
        router.wait_for_heartbeat(lambda beat: True)


def test_heartbeats_go_on_while_the_link_is_busy_with_a_submission(router: RouterEnd, pulse: Pulse) -> None:
    busy, over = threading.Event(), threading.Event()

    def take(command: object) -> None:
        busy.set()
        over.wait()

    link = WorkerLink("worker", router.endpoints, take)
    link.start()
    try:
        router.probe()
        router.submit("long")
        router.wait_until(busy.is_set, "the submission")
        router.wait_for_heartbeat(lambda beat: True, count=2)
    finally:
        over.set()
        link.stop()
