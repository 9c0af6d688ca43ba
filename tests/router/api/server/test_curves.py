"""``GET /v1/server/curves``: the load in columns."""

from __future__ import annotations

from typing import Any

import pytest

from router.jobs.workers.history import WorkerEvent
from router.telemetry.curves.machine import MachineFigures
from router.telemetry.curves.ring import LoadSample, Sample
from shared.devices import Gpu
from tests.support.router.client import app_of, ask
from tests.support.router.fake_broker import FakeBroker

BUSY = LoadSample(12.34567, 100.0, 2, 3, 0.5, 0.75, 0.02, None)
IDLE = LoadSample(0.0, 0.0, 0, 0, None, None, None, None)
GPU = Gpu(0, "GPU-0", "H100", 100, 30, 0.75)
EVENT = WorkerEvent(5.0, "smol/0", "smol", "ready", "loading", 3.21987, "")


def broker_with(*samples: Sample, events: tuple[WorkerEvent, ...] = ()) -> FakeBroker:
    broker = FakeBroker(events=list(events))
    for sample in samples:
        app_of(broker).state.curves.add(sample)
    return broker


def curves(broker: FakeBroker, since: str = "0") -> dict[str, Any]:
    answer = ask(broker, "GET", f"/v1/server/curves?since={since}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_samples_are_columns() -> None:
    machine = MachineFigures(0.5, 60, 100, [GPU])
    broker = broker_with(Sample(2.0, BUSY, {"smol": IDLE}, machine), Sample(4.0, IDLE, {"smol": BUSY}, None))
    found = curves(broker)
    assert found["at"] == [2.0, 4.0]
    assert found["total"] == {
        "tokens_per_s": [12.3457, 0.0],
        "prompt_tokens_per_s": [100.0, 0.0],
        "running": [2, 0],
        "waiting": [3, 0],
        "ttft_p50_s": [0.5, None],
        "ttft_p95_s": [0.75, None],
        "itl_p50_s": [0.02, None],
        "itl_p95_s": [None, None],
    }
    assert found["models"]["smol"]["waiting"] == [0, 3]
    assert found["machine"] == {
        "cpu_ratio": [0.5, None],
        "memory_total_bytes": 100,
        "memory_used_bytes": [60, None],
        "gpus": [
            {"index": 0, "name": "H100", "total_bytes": 100, "used_bytes": [70, None], "busy_ratio": [0.75, None]}
        ],
    }


def test_only_what_the_client_does_not_have_is_sent() -> None:
    broker = broker_with(*(Sample(at, IDLE, {"smol": IDLE}, None) for at in (2.0, 4.0, 6.0)), events=(EVENT,))
    assert curves(broker, "4.0")["at"] == [6.0]
    assert curves(broker, "6.0")["at"] == []


def test_an_event_is_sent_once_with_the_sample_that_follows_it() -> None:
    first, second = (Sample(at, IDLE, {"smol": IDLE}, None) for at in (4.0, 6.0))
    broker = broker_with(first, events=(EVENT,))
    assert curves(broker)["events"] == []
    app_of(broker).state.curves.add(second)
    (event,) = curves(broker, "4.0")["events"]
    assert event == {
        "at": 5.0,
        "worker": "smol/0",
        "model": "smol",
        "state": "ready",
        "before": "loading",
        "lasted_s": 3.2199,
        "detail": "",
    }
    assert curves(broker, "6.0")["events"] == []


def test_a_server_that_has_just_started_has_no_samples_yet() -> None:
    found = curves(FakeBroker())
    assert (found["at"], found["total"]["running"], found["events"]) == ([], [], [])
    assert (found["interval_s"], found["keep_s"]) == (2.0, 900.0)
    assert found["machine"]["memory_total_bytes"] is None


@pytest.mark.parametrize("since", ["-1", "x", "nan", "inf"])
def test_a_time_that_is_none_is_refused(since: str) -> None:
    answer = ask(FakeBroker(), "GET", f"/v1/server/curves?since={since}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "since"
