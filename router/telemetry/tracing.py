"""OpenTelemetry traces: one server span per request, with a child span for each phase of its jobs.

Spans are created when a request ends, from times that are recorded anyway, so tracing adds nothing to the cost of a
token. Names follow OpenTelemetry's HTTP and GenAI conventions. Spans never contain prompts or answers.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Set
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers

from router.http.request_record import FinishedRequest
from router.jobs.job import Job

TRACES_PATH = "/v1/traces"
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
"""Methods that OpenTelemetry's conventions know; any other is reported as ``_OTHER``."""


class Tracing:
    """Exports a trace of each finished request through ``provider``; :meth:`close` shuts that down.

    ``operations`` maps paths to ``gen_ai.operation.name``. Requests to ``quiet_paths`` are not traced.
    """

    def __init__(
        self, provider: TracerProvider, operations: Mapping[str, str], quiet_paths: Set[str] = frozenset()
    ) -> None:
        self._provider = provider
        self._operations = operations
        self._quiet_paths = quiet_paths
        self._tracer = provider.get_tracer("nexa.router")
        self._propagator = TraceContextTextMapPropagator()

    @classmethod
    def to_collector(cls, endpoint: str, operations: Mapping[str, str], quiet_paths: Set[str]) -> Tracing:
        """Traces to the OTLP collector at ``endpoint``, such as ``http://host:4318``, sent in batches by a thread.

        If ``endpoint`` is empty, OpenTelemetry's own variables give it. Its variables for headers, the sampler and so
        on always apply.
        """
        if endpoint and not endpoint.endswith(TRACES_PATH):
            endpoint = endpoint.rstrip("/") + TRACES_PATH
        name = os.environ.get("OTEL_SERVICE_NAME", "nexa-server")
        provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint or None)))
        return cls(provider, operations, quiet_paths)

    def close(self) -> None:
        """Send pending spans. Blocks until the exporter is done or times out."""
        self._provider.shutdown()

    def finished(self, request: FinishedRequest) -> None:
        """Create the spans of a request that has ended."""
        if request.endpoint in self._quiet_paths:
            return
        clock = _Clock()
        method = request.scope["method"] if request.scope["method"] in KNOWN_METHODS else "_OTHER"
        headers = Headers(scope=request.scope)
        carrier = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
        span = self._tracer.start_span(
            method if request.endpoint == "other" else f"{method} {request.endpoint}",
            context=self._propagator.extract(carrier),
            kind=trace.SpanKind.SERVER,
            attributes=self._attributes(request, method),
            start_time=clock.epoch_ns(request.started_at_s),
        )
        if request.status >= 500 or request.outcome == "failed":
            span.set_status(trace.StatusCode.ERROR)
        parent = trace.set_span_in_context(span)
        for choice, job in enumerate(request.record.jobs):
            for name, start_s, end_s in _phases(job):
                child = self._tracer.start_span(
                    name, parent, attributes={"nexa.choice": choice}, start_time=clock.epoch_ns(start_s)
                )
                child.end(clock.epoch_ns(end_s))
        span.end(clock.epoch_ns(request.started_at_s + request.duration_s))

    def _attributes(self, request: FinishedRequest, method: str) -> dict[str, Any]:
        record, consumed = request.record, request.record.consumed
        ends = [job.done for job in record.jobs if job.done is not None]
        attributes: dict[str, Any] = {
            "http.request.method": method,
            "http.route": None if request.endpoint == "other" else request.endpoint,
            "http.response.status_code": request.status or None,
            "url.scheme": request.scope.get("scheme"),
            "nexa.request_id": record.request_id,
            "nexa.outcome": request.outcome,
        }
        if record.model is not None:
            attributes |= {
                "gen_ai.operation.name": self._operations.get(request.endpoint, "generate_content"),
                "gen_ai.provider.name": "nexa",
                "gen_ai.request.model": record.model,
                "gen_ai.response.model": record.model,
                "gen_ai.response.finish_reasons": [end.finish_reason.value for end in ends] or None,
                "gen_ai.usage.input_tokens": consumed and consumed.prompt_tokens,
                "gen_ai.usage.cache_read.input_tokens": consumed and consumed.cached_tokens,
                "gen_ai.usage.output_tokens": consumed and consumed.completion_tokens,
                "gen_ai.server.time_to_first_token": record.ttft_s,
                "nexa.worker": record.worker,
            }
        return {name: value for name, value in attributes.items() if value is not None}


class _Clock:
    """Converts monotonic times to nanoseconds since the epoch."""

    def __init__(self) -> None:
        self._offset_s = time.time() - time.monotonic()

    def epoch_ns(self, monotonic_s: float) -> int:
        return int((monotonic_s + self._offset_s) * 1e9)


def _phases(job: Job) -> list[tuple[str, float, float]]:
    """The phases of a job: name, start and end.

    If a job was dispatched again after its first token, its first dispatch is unknown, and queueing and prefill are
    one phase.
    """
    ended_at_s = time.monotonic() if job.ended_at_s is None else job.ended_at_s
    phases = []
    first_at_s, dispatched_at_s = job.first_token_at_s, job.dispatched_at_s
    prefilled_at_s = ended_at_s if first_at_s is None else first_at_s
    if dispatched_at_s is None or dispatched_at_s > prefilled_at_s:
        phases.append(("queue", job.created_at_s, prefilled_at_s))
    else:
        phases += [("queue", job.created_at_s, dispatched_at_s), ("prefill", dispatched_at_s, prefilled_at_s)]
    if first_at_s is not None:
        phases.append(("decode", first_at_s, ended_at_s))
    return phases
