"""``GET /metrics``, parsed as Prometheus parses it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any

import httpx
import pytest
from prometheus_client import generate_latest

from router.http.request_record import FinishedRequest, RequestRecord
from router.jobs.job import Job, JobRequest, JobState
from router.telemetry.request_metrics import RequestMetrics, queue_time_s
from router.telemetry.system_metrics import gpu_families, process_families
from shared.kinds import JobKind
from shared.settings import ServerSettings
from shared.wire.jobs import TextJob
from shared.wire.payloads import Done, Failed, FinishReason, Recording, Started, Tokens
from tests.support.router.client import CHAT, COMPLETION, app_of, ask, http_client, post
from tests.support.router.fake_broker import MODEL, words
from tests.support.router.metrics import scraped, values
from tests.support.router.watched_broker import FakeGpus, WatchedBroker


def test_an_answered_request_is_observed_once_by_model() -> None:
    broker = WatchedBroker()
    post(broker, "/v1/completions", COMPLETION)
    post(broker, "/v1/chat/completions", {**CHAT, "stream": True, "model": "gpt-4o"})
    seen = scraped(broker)
    for histogram in ("time_to_first_token", "inter_token_latency", "e2e_request_latency"):
        assert seen[f'nexa_{histogram}_seconds_count{{model="smol"}}'] == 2
    assert seen['nexa_prompt_tokens_total{model="smol"}'] == 14
    assert seen['nexa_cached_prompt_tokens_total{model="smol"}'] == 6
    assert seen['nexa_generation_tokens_total{model="smol"}'] == 4
    for endpoint in ("/v1/completions", "/v1/chat/completions"):
        labels = f'endpoint="{endpoint}",kind="text",model="smol",outcome="done",status="200"'
        assert seen[f"nexa_requests_total{{{labels}}}"] == 1


def test_latencies_are_computed_from_the_jobs_times() -> None:
    job = Job("j", JobRequest("r", "user", "smol", TextJob(prompt="a")))
    for state in (JobState.DISPATCHED, JobState.RUNNING, JobState.DONE):
        job.move(state)
    job.deliver(Done(FinishReason.STOP, 7, 3, 5, 0.01))
    job.created_at_s, job.dispatched_at_s, job.first_token_at_s, job.ended_at_s = 100.0, 103.0, 104.0, 106.0
    record = RequestRecord(model="smol", ttft_s=4.0, jobs=[job])
    metrics = RequestMetrics(lambda: [MODEL.name])
    metrics.finished(FinishedRequest(record, {}, "/v1/completions", 200, "done", 99.0, 8.0))
    seen = values(generate_latest(metrics.registry).decode())
    assert seen['nexa_request_queue_time_seconds_sum{model="smol"}'] == 3.0
    assert seen['nexa_time_to_first_token_seconds_sum{model="smol"}'] == 4.0
    assert seen['nexa_inter_token_latency_seconds_sum{model="smol"}'] == 0.5  # 2 s for 4 gaps
    assert seen['nexa_e2e_request_latency_seconds_sum{model="smol"}'] == 8.0


@pytest.mark.parametrize(
    ("dispatched_at_s", "first_token_at_s", "waited_s"), [(None, None, None), (103.0, None, 3.0), (110.0, 104.0, 4.0)]
)
def test_queue_time_ends_at_the_first_dispatch(
    dispatched_at_s: float | None, first_token_at_s: float | None, waited_s: float | None
) -> None:
    job = Job("j", JobRequest("r", "user", "smol", TextJob(prompt="a")), created_at_s=100.0)
    job.dispatched_at_s, job.first_token_at_s = dispatched_at_s, first_token_at_s
    assert queue_time_s(job) == waited_s


def test_a_request_is_counted_under_its_own_kind() -> None:
    model = MODEL.model_copy(update={"kinds": (JobKind.SPEECH, JobKind.TEXT)})
    broker = WatchedBroker(settings=ServerSettings(models=(model,), run_folder=""))
    post(broker, "/v1/completions", COMPLETION)
    labels = 'endpoint="/v1/completions",kind="text",model="smol",outcome="done",status="200"'
    assert scraped(broker)[f"nexa_requests_total{{{labels}}}"] == 1


def test_a_served_model_has_time_series_before_its_first_request() -> None:
    seen = scraped(WatchedBroker())
    assert seen['nexa_generation_tokens_total{model="smol"}'] == 0
    assert seen['nexa_time_to_first_token_seconds_count{model="smol"}'] == 0


@pytest.mark.parametrize(
    ("path", "body", "labels"),
    [
        (
            "/v1/completions",
            {"prompt": 5},
            'endpoint="/v1/completions",kind="",model="",outcome="refused",status="400"',
        ),
        (
            "/v1/completions",
            {"prompt": "a", "model": "x"},
            'endpoint="/v1/completions",kind="",model="",outcome="refused",status="404"',
        ),
        ("/made/up", {}, 'endpoint="other",kind="",model="",outcome="refused",status="404"'),
        ("/health", {}, 'endpoint="/health",kind="",model="",outcome="refused",status="405"'),
    ],
)
def test_unknown_paths_and_models_are_not_used_as_labels(path: str, body: Any, labels: str) -> None:
    broker = WatchedBroker()
    post(broker, path, body)
    requests = {name: value for name, value in scraped(broker).items() if name.startswith("nexa_requests_total")}
    assert requests == {f"nexa_requests_total{{{labels}}}": 1}


def test_the_endpoint_label_is_the_declared_path() -> None:
    broker = WatchedBroker()
    ask(broker, "GET", "/v1/images/anything.png")
    assert any('endpoint="/v1/images/{name}"' in name for name in scraped(broker))


def test_a_failed_request_counts_its_tokens_but_no_latency() -> None:
    broker = WatchedBroker(script=[Started(7, 0), Tokens("a", [1]), Tokens("b", [2]), Failed(500, "x")])
    post(broker, "/v1/completions", COMPLETION)
    seen = scraped(broker)
    assert seen['nexa_generation_tokens_total{model="smol"}'] == 2
    assert seen['nexa_e2e_request_latency_seconds_count{model="smol"}'] == 0
    assert seen['nexa_inter_token_latency_seconds_count{model="smol"}'] == 0
    labels = 'endpoint="/v1/completions",kind="text",model="smol",outcome="failed",status="500"'
    assert seen[f"nexa_requests_total{{{labels}}}"] == 1


def test_transcribed_seconds_are_counted() -> None:
    script = words("a", finish=FinishReason.STOP)
    broker = WatchedBroker(script=[*script[:-1], Recording("en", 0.9, 12.5, 10.0), script[-1]])
    post(broker, "/v1/completions", COMPLETION)
    assert scraped(broker)['nexa_audio_seconds_total{model="smol"}'] == 12.5


def test_metrics_of_workers_models_and_queues() -> None:
    seen = scraped(WatchedBroker())
    of_worker = 'model="smol",worker="smol-0"'
    assert seen[f"nexa_num_requests_running{{{of_worker}}}"] == 3
    assert seen[f"nexa_num_requests_waiting{{{of_worker}}}"] == 2
    assert seen[f"nexa_kv_cache_usage_ratio{{{of_worker}}}"] == 0.25
    assert seen[f"nexa_prefix_cache_queries_total{{{of_worker}}}"] == 1000
    assert seen[f"nexa_prefix_cache_hits_total{{{of_worker}}}"] == 600
    assert seen[f"nexa_num_preemptions_total{{{of_worker}}}"] == 5
    assert seen[f"nexa_worker_restarts_total{{{of_worker}}}"] == 1
    assert seen['nexa_kv_cache_usage_ratio{model="smol",worker="smol-1"}'] == 0
    assert seen['nexa_worker_state{model="smol",state="exited",worker="smol-1"}'] == 1
    assert seen['nexa_worker_state{model="smol",state="ready",worker="smol-1"}'] == 0
    assert seen['nexa_queue_length{model="smol"}'] == 7
    assert seen['nexa_model_ready{load="start",model="smol"}'] == 1
    assert seen['nexa_failovers_total{model="smol"}'] == 4
    assert seen['nexa_worker_losses_total{model="smol"}'] == 2


def test_lost_log_lines_are_counted_by_process() -> None:
    seen = scraped(WatchedBroker())
    assert seen['nexa_log_lines_dropped_total{process="supervisor"}'] == 3
    assert seen['nexa_log_lines_dropped_total{process="smol-0"}'] == 0
    assert seen['nexa_log_lines_dropped_total{process="router"}'] == 0


def test_metrics_of_processes_omit_workers_without_a_pid() -> None:
    seen = scraped(WatchedBroker())
    named = {name for name in seen if name.startswith("nexa_process_resident_memory_bytes")}
    assert named == {
        f'nexa_process_resident_memory_bytes{{process="{name}"}}' for name in ("router", "supervisor", "smol-0")
    }
    assert all(seen[name] > 0 for name in named)
    assert seen['nexa_process_cpu_seconds_total{process="router"}'] > 0


def test_an_ended_process_is_omitted() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    cpu, memory, _ = process_families({"gone": ended.pid, "router": os.getpid()})
    assert [sample.labels for sample in (*cpu.samples, *memory.samples)] == [{"process": "router"}] * 2


def test_gpu_metrics_omit_what_the_driver_does_not_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    busy, used, total = gpu_families(FakeGpus())
    assert [(sample.labels, sample.value) for sample in busy.samples] == [({"gpu": "0", "name": "H100"}, 0.75)]
    assert [sample.value for sample in used.samples] == [70, 0]
    assert [sample.value for sample in total.samples] == [100, 50]


def test_the_metrics_page_includes_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    broker = WatchedBroker()
    app_of(broker).state.gpus = FakeGpus()
    assert scraped(broker)['nexa_gpu_memory_used_bytes{gpu="0",name="H100"}'] == 70


def test_metrics_need_the_key_if_there_is_one() -> None:
    broker = WatchedBroker()
    broker.settings = broker.settings.model_copy(update={"api_key": "secret"})
    assert ask(broker, "GET", "/metrics").status_code == 401
    assert ask(broker, "GET", "/metrics", headers={"Authorization": "Bearer secret"}).status_code == 200


def test_open_metrics_is_served_on_request() -> None:
    response = ask(WatchedBroker(), "GET", "/metrics", headers={"Accept": "application/openmetrics-text"})
    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


def test_each_application_has_its_own_counters() -> None:
    first, second = WatchedBroker(), WatchedBroker()
    post(first, "/v1/completions", COMPLETION)
    assert scraped(second)['nexa_generation_tokens_total{model="smol"}'] == 0
    assert scraped(first)['nexa_generation_tokens_total{model="smol"}'] == 2


def test_concurrent_scrapes_are_complete() -> None:
    broker = WatchedBroker()

    async def go() -> list[httpx.Response]:
        async with http_client(broker) as client:
            return await asyncio.gather(*(client.get("/metrics") for _ in range(8)))

    names = [set(values(response.text)) - {""} for response in asyncio.run(go())]
    assert all({'nexa_queue_length{model="smol"}'} <= seen for seen in names)
