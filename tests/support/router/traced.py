"""An application whose spans are kept in memory."""

from __future__ import annotations

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from router.api.families import OPERATIONS, QUIET_PATHS
from router.app import create_app
from router.telemetry.tracing import Tracing
from tests.support.router.fake_broker import FakeBroker


class Traced:
    """The application of ``broker``, and the spans of its requests."""

    def __init__(self, broker: FakeBroker | None = None) -> None:
        self.kept = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.kept))
        self.broker = broker or FakeBroker()
        self.broker.app = create_app(self.broker, Tracing(provider, OPERATIONS, QUIET_PATHS))

    @property
    def request_span(self) -> ReadableSpan:
        (span,) = [span for span in self.kept.get_finished_spans() if span.kind is SpanKind.SERVER]
        return span

    @property
    def children(self) -> list[ReadableSpan]:
        return [span for span in self.kept.get_finished_spans() if span.kind is SpanKind.INTERNAL]
