"""``GET /metrics``, for Prometheus."""

from __future__ import annotations

import os
from collections.abc import Iterable

from fastapi import APIRouter, Request, Response
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from router.api.dependencies import BrokerDep
from router.batches.runner import BatchRunner
from router.keys.keyring import Keyring
from router.schemas.errors import ApiError, error_responses
from router.telemetry.request_metrics import RequestMetrics
from router.telemetry.residency_metrics import residency_families
from router.telemetry.system_metrics import gpu_families, process_families
from router.telemetry.worker_metrics import broker_families
from router.threads import Lane
from shared.devices import GpuSource

_SCRAPING = Lane("metrics", threads=2, max_waiting=8)

router = APIRouter(tags=["server"])


def key_file_family(keyring: Keyring) -> Metric:
    """How old the keys in memory may be."""
    return GaugeMetricFamily(
        "nexa_key_file_age_seconds", "Time since the key file was last read or found unchanged.", keyring.age_s
    )


def batch_families(runner: BatchRunner) -> list[Metric]:
    """Batches, and their lines that run."""
    return [
        GaugeMetricFamily("nexa_batches", "Batches that have not ended.", runner.batches),
        GaugeMetricFamily("nexa_batch_lines_running", "Lines of batches that run now.", runner.running_lines),
        GaugeMetricFamily(
            "nexa_batch_lines_waiting", "Lines of batches without an answer that wait.", runner.waiting_lines
        ),
    ]


class Scrape(Collector):
    """The metrics of one response. Processes and GPUs are read when it is collected."""

    def __init__(self, metrics: RequestMetrics, read: list[Metric], pids: dict[str, int], gpus: GpuSource) -> None:
        self._metrics = metrics
        self._read = read
        self._pids = pids
        self._gpus = gpus

    def collect(self) -> Iterable[Metric]:
        """The metrics, in the order of the response."""
        yield from self._metrics.registry.collect()
        yield from self._read
        yield from process_families(self._pids)
        yield from gpu_families(self._gpus)


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {}}, "description": "Prometheus' text format."},
        **error_responses(401, 503),
    },
)
async def metrics(request: Request, broker: BrokerDep) -> Response:
    """Metrics of requests, workers, processes and GPUs, in Prometheus' text format."""
    state = request.app.state
    state.metrics.follow_models()
    families = [*broker_families(broker), *residency_families(broker)]
    families += [key_file_family(state.keyring), *batch_families(state.batch_runner)]
    workers = {row.name: row.pid for row in broker.workers() if row.pid}
    pids = {"router": os.getpid(), "supervisor": os.getppid(), **workers}
    scrape = Scrape(request.app.state.metrics, families, pids, request.app.state.gpus)
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    # In a thread, since a GPU driver may be slow.
    try:
        text = await _SCRAPING.run(encode, scrape)
    except TimeoutError as error:
        raise ApiError(503, f"{error}; try again later") from None
    return Response(text, headers={"Content-Type": content_type})
