"""Metrics of requests for ``GET /metrics``: histograms of latencies, and counters of what requests used.

A request is observed once, at its end. Names and units follow vLLM and OpenTelemetry. Labels have a bounded set of
values: only models that are served, or lately were, and ``other`` for paths without an endpoint.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

from router.http.request_record import FinishedRequest
from router.jobs.consumption import Consumption
from router.jobs.job import Job

PREFIX = "nexa"
LATENCY_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)
SWAP_BUCKETS_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600)
ITL_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 10)

GONE_KEEP_S = 600.0
"""The time series of a model that is not served any more are kept so long, so that each reader gets the last values."""


class RequestMetrics:
    """The histograms and counters of one application, in a registry of their own. ``served`` names its models."""

    def __init__(self, served: Callable[[], Iterable[str]]) -> None:
        self.registry = CollectorRegistry()
        self._served = served
        self._of_models: list[Histogram | Counter] = []
        self._gone_at_s: dict[str, float | None] = {}
        self._labels: dict[str, set[tuple[str, ...]]] = {}
        self._ttft = self._histogram(
            "time_to_first_token_seconds",
            "Time from a request's acceptance to its first token, segment or picture.",
        )
        self._itl = self._histogram(
            "inter_token_latency_seconds",
            "Mean time between the tokens of one choice, (end - first token) / (tokens - 1), observed at its end.",
            ITL_BUCKETS_S,
        )
        self._e2e = self._histogram(
            "e2e_request_latency_seconds",
            "Time from a request's arrival to the end of its complete answer.",
        )
        self._queue_time = self._histogram(
            "request_queue_time_seconds", "Time from a request's acceptance to the dispatch of its first job."
        )
        self._swap_wait = self._histogram(
            "swap_wait_seconds",
            "Time that a request waited for its model to be loaded, of requests that had to.",
            SWAP_BUCKETS_S,
        )
        labels = ("endpoint", "model", "kind", "outcome", "status")
        self._requests = Counter("requests", "Requests that have ended.", labels, PREFIX, registry=self.registry)
        self._prompt_tokens = self._counter("prompt_tokens", "Prompt tokens; each prompt counts once.")
        self._cached_tokens = self._counter("cached_prompt_tokens", "Prompt tokens that the KV cache already held.")
        self._generation_tokens = self._counter("generation_tokens", "Tokens generated for clients.")
        self._reasoning_tokens = self._counter("reasoning_tokens", "Generated tokens that are part of a thought.")
        self._images = self._counter("images", "Pictures generated for clients.")
        self._audio = self._counter("audio_seconds", "Seconds of audio that were transcribed.")
        self.follow_models()

    def follow_models(self) -> None:
        """Export 0 for every served model from the start, as Prometheus computes a rate from two samples; drop the time
        series of models that are long gone.
        """
        now_s, served = time.monotonic(), set(self._served())
        for model in served:
            if model not in self._gone_at_s:
                for metric in self._of_models:
                    metric.labels(model)
            self._gone_at_s[model] = None
        for model in set(self._gone_at_s) - served:
            gone_at_s = self._gone_at_s[model] or now_s
            self._gone_at_s[model] = gone_at_s
            if now_s - gone_at_s >= GONE_KEEP_S:
                self._drop(model)

    def finished(self, request: FinishedRequest) -> None:
        """Observe a finished request."""
        model = request.record.model or ""
        kind = request.record.kind or ""
        labels = request.endpoint, model, kind, request.outcome, str(request.status)
        self._requests.labels(*labels).inc()
        if not model:
            return
        self._labels.setdefault(model, set()).add(labels)
        if model not in self._gone_at_s:
            self.follow_models()
            self._gone_at_s.setdefault(model, time.monotonic())
        if request.record.ttft_s is not None:
            self._ttft.labels(model).observe(request.record.ttft_s)
        if request.outcome == "done":
            self._e2e.labels(model).observe(request.duration_s)
        queued_s = [wait_s for job in request.record.jobs if (wait_s := queue_time_s(job)) is not None]
        if queued_s:
            self._queue_time.labels(model).observe(min(queued_s))
        load_wait_s = max((job.load_wait_s for job in request.record.jobs), default=0.0)
        if load_wait_s > 0:
            self._swap_wait.labels(model).observe(load_wait_s)
        for job in request.record.jobs:
            self._observe_itl(model, job)
        if request.record.consumed is not None:
            self._count(model, request.record.consumed)

    def _observe_itl(self, model: str, job: Job) -> None:
        if job.done is None or job.first_token_at_s is None or job.ended_at_s is None:
            return
        gaps = job.done.completion_tokens - 1
        if gaps > 0:
            self._itl.labels(model).observe((job.ended_at_s - job.first_token_at_s) / gaps)

    def _count(self, model: str, consumed: Consumption) -> None:
        self._prompt_tokens.labels(model).inc(consumed.prompt_tokens)
        self._cached_tokens.labels(model).inc(consumed.cached_tokens)
        self._generation_tokens.labels(model).inc(consumed.completion_tokens)
        self._reasoning_tokens.labels(model).inc(consumed.reasoning_tokens)
        self._images.labels(model).inc(consumed.images)
        self._audio.labels(model).inc(consumed.audio_s)

    def _histogram(self, name: str, help_text: str, buckets: Sequence[float] = LATENCY_BUCKETS_S) -> Histogram:
        histogram = Histogram(name, help_text, ("model",), PREFIX, registry=self.registry, buckets=buckets)
        self._of_models.append(histogram)
        return histogram

    def _counter(self, name: str, help_text: str) -> Counter:
        counter = Counter(name, help_text, ("model",), PREFIX, registry=self.registry)
        self._of_models.append(counter)
        return counter

    def _drop(self, model: str) -> None:
        del self._gone_at_s[model]
        for metric in self._of_models:
            metric.labels(model)  # or else it may have none to remove
            metric.remove(model)
        for labels in self._labels.pop(model, ()):
            self._requests.remove(*labels)


def queue_time_s(job: Job) -> float | None:
    """Seconds from a job's acceptance to its dispatch; None while it waits.

    After a failover only the last dispatch is known. If it came after the first token, the result is the time to that
    token: an upper bound.
    """
    if job.dispatched_at_s is None:
        return None
    at_s = job.dispatched_at_s if job.first_token_at_s is None else min(job.dispatched_at_s, job.first_token_at_s)
    return at_s - job.created_at_s
