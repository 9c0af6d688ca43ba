"""Metrics of models that come and go."""

from __future__ import annotations

import dataclasses

import pytest
from prometheus_client import generate_latest

from router.http.request_record import FinishedRequest, RequestRecord
from router.jobs.job import Job, JobRequest
from router.jobs.workers.rows import WorkerRow
from router.telemetry import request_metrics as module
from router.telemetry.request_metrics import GONE_KEEP_S, RequestMetrics
from shared.wire.jobs import TextJob
from tests.support.router.fake_broker import MODEL
from tests.support.router.metrics import scraped, values
from tests.support.router.watched_broker import WatchedBroker


def test_loads_unloads_and_failures_by_model() -> None:
    seen = scraped(WatchedBroker())
    assert seen['nexa_model_loads_total{model="big"}'] == 3
    assert seen['nexa_model_unloads_total{model="big",reason="room"}'] == 1
    assert seen['nexa_model_unloads_total{model="big",reason="idle"}'] == 0
    assert seen['nexa_model_load_failures_total{model="big"}'] == 1
    assert not any("nexa_model_loads" in name and "smol" in name for name in seen)


def test_memory_of_models_by_device_and_the_budgets() -> None:
    class Twice(WatchedBroker):
        def workers(self) -> list[WorkerRow]:
            first = super().workers()[0]
            return [first, dataclasses.replace(first, name="smol-2", planned_memory_bytes={"cpu": 1})]

    seen = scraped(Twice())
    assert seen['nexa_model_memory_planned_bytes{device="cpu",model="smol"}'] == 501
    assert seen['nexa_model_memory_planned_bytes{device="cuda:0",model="smol"}'] == 700
    assert seen['nexa_model_memory_bytes{device="cuda:0",model="smol"}'] == 1300
    assert seen['nexa_device_memory_budget_bytes{device="cpu"}'] == 4000


def test_models_are_counted_by_state() -> None:
    seen = scraped(WatchedBroker())
    assert {state: seen[f'nexa_models{{state="{state}"}}'] for state in ("ready", "unloaded", "failed")} == {
        "ready": 1,
        "unloaded": 1,
        "failed": 0,
    }


def test_a_model_that_is_found_later_has_time_series_and_one_that_is_gone_loses_them() -> None:
    broker = WatchedBroker()
    found = MODEL.model_copy(update={"name": "found", "load": "demand", "aliases": ()})
    scraped(broker)
    broker.set_models((*broker.settings.models, found))
    seen = scraped(broker)
    assert seen['nexa_generation_tokens_total{model="found"}'] == 0
    assert seen['nexa_queue_length{model="found"}'] == 0
    assert seen['nexa_model_ready{load="demand",model="found"}'] == 1
    broker.set_models((MODEL,))
    seen = scraped(broker)
    assert 'nexa_model_loads_total{model="found"}' not in seen
    assert 'nexa_queue_length{model="big"}' not in seen


class Clock:
    now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


def finished(model: str, *jobs: Job) -> FinishedRequest:
    return FinishedRequest(RequestRecord(model=model, jobs=jobs), {}, "/v1/completions", 200, "done", 0.0, 1.0)


def series(metrics: RequestMetrics) -> dict[str, float]:
    return values(generate_latest(metrics.registry).decode())


def test_time_series_of_requests_are_kept_for_a_while_after_their_model_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    served = ["a"]
    metrics = RequestMetrics(lambda: served)
    metrics.finished(finished("a"))
    served[:] = ["b"]
    metrics.follow_models()
    clock.now_s += GONE_KEEP_S - 1
    metrics.follow_models()
    assert series(metrics)['nexa_e2e_request_latency_seconds_count{model="a"}'] == 1
    clock.now_s += 1
    metrics.follow_models()
    assert not any('model="a"' in name for name in series(metrics))
    assert series(metrics)['nexa_e2e_request_latency_seconds_count{model="b"}'] == 0


def test_a_request_that_ends_after_its_model_is_gone_leaves_nothing_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    metrics = RequestMetrics(lambda: ["b"])
    metrics.finished(finished("late"))
    assert series(metrics)['nexa_e2e_request_latency_seconds_count{model="late"}'] == 1
    clock.now_s += GONE_KEEP_S
    metrics.finished(finished("later"))
    assert not any('model="late"' in name for name in series(metrics))


def test_a_request_is_observed_once_if_it_waited_for_a_load() -> None:
    jobs = [Job("j", JobRequest("r", "user", "smol", TextJob(prompt="a")), load_wait_s=wait_s) for wait_s in (3.0, 7.0)]
    metrics = RequestMetrics(lambda: [MODEL.name])
    metrics.finished(finished("smol", *jobs))
    metrics.finished(finished("smol", Job("j", jobs[0].request)))
    seen = series(metrics)
    assert seen['nexa_swap_wait_seconds_count{model="smol"}'] == 1
    assert seen['nexa_swap_wait_seconds_sum{model="smol"}'] == 7.0
