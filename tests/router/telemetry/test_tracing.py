"""Traces of requests: attributes and parents of spans, which contain no prompts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.trace import StatusCode

from router.api.families import OPERATIONS, QUIET_PATHS
from router.app import create_app
from router.telemetry.setup import ENDPOINT_VARIABLES, open_tracing
from shared.wire.payloads import Failed, Started, Tokens
from tests.support.router.client import CHAT, COMPLETION, ask, post, serving
from tests.support.router.fake_broker import FakeBroker
from tests.support.router.traced import Traced

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"


@pytest.fixture(autouse=True)
def no_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENDPOINT_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("stream", [True, False])
def test_a_request_is_one_span_named_by_the_conventions(stream: bool) -> None:
    traced = Traced()
    post(traced.broker, "/v1/chat/completions", {**CHAT, "stream": stream}, headers={"X-Request-ID": "r1"})
    span = traced.request_span
    assert span.name == "POST /v1/chat/completions"
    expected = {
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "http.response.status_code": 200,
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "smol",
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 3,
        "gen_ai.usage.output_tokens": 2,
        "gen_ai.response.finish_reasons": ("stop",),
        "nexa.request_id": "r1",
        "nexa.outcome": "done",
    }
    assert {name: (span.attributes or {}).get(name) for name in expected} == expected
    assert "story" not in span.to_json()
    assert span.status.status_code is StatusCode.UNSET


def test_the_phases_of_a_job_follow_each_other_in_the_requests_span() -> None:
    traced = Traced()
    post(traced.broker, "/v1/completions", COMPLETION)
    parent = traced.request_span
    # The fake broker records no dispatch, so queueing and prefill are one phase.
    assert [span.name for span in traced.children] == ["queue", "decode"]
    waiting, decode = traced.children
    assert waiting.parent is not None
    assert waiting.parent.span_id == parent.context.span_id
    times = [parent.start_time, waiting.start_time, waiting.end_time, decode.end_time, parent.end_time]
    assert all(moment is not None for moment in times)
    assert times == sorted(moment for moment in times if moment is not None)
    assert waiting.end_time == decode.start_time


def test_each_choice_has_its_own_phases() -> None:
    traced = Traced()
    post(traced.broker, "/v1/completions", {**COMPLETION, "n": 3, "temperature": 1})
    decodes = [span for span in traced.children if span.name == "decode"]
    assert [(span.attributes or {})["nexa.choice"] for span in decodes] == [0, 1, 2]


def test_a_traceparent_header_sets_the_parent_span() -> None:
    traced = Traced()
    post(traced.broker, "/v1/completions", COMPLETION, headers={"traceparent": f"00-{TRACE_ID}-{PARENT_ID}-01"})
    span = traced.request_span
    assert f"{span.context.trace_id:032x}" == TRACE_ID
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == PARENT_ID


def test_an_unsampled_parent_is_respected_and_an_invalid_one_ignored() -> None:
    traced = Traced()
    post(traced.broker, "/v1/completions", COMPLETION, headers={"traceparent": f"00-{TRACE_ID}-{PARENT_ID}-00"})
    assert traced.kept.get_finished_spans() == ()
    post(traced.broker, "/v1/completions", COMPLETION, headers={"traceparent": "nonsense"})
    assert traced.request_span.parent is None


def test_a_failure_has_error_status_and_a_refusal_has_not() -> None:
    failed = Traced(FakeBroker(script=[Started(1, 0), Tokens("a", [1]), Failed(500, "x")]))
    post(failed.broker, "/v1/completions", {**COMPLETION, "stream": True})
    assert failed.request_span.status.status_code is StatusCode.ERROR
    refused = Traced()
    ask(refused.broker, "BREW", "/made/up")
    assert refused.request_span.name == "_OTHER"
    assert refused.request_span.status.status_code is StatusCode.UNSET


def test_quiet_paths_are_not_traced() -> None:
    traced = Traced()
    ask(traced.broker, "GET", "/health")
    assert traced.kept.get_finished_spans() == ()


def test_no_traces_without_an_endpoint() -> None:
    assert open_tracing("", OPERATIONS, QUIET_PATHS) is None


@pytest.fixture
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """An OTLP collector: its address, and the path and body of each request that it got."""
    got: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("by_variable", [True, False])
def test_stopping_the_server_sends_all_spans(
    collector: tuple[str, list[tuple[str, bytes]]], by_variable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, got = collector
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")  # nothing is sent before the end
    if by_variable:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    broker = FakeBroker()
    tracing = open_tracing("" if by_variable else address, OPERATIONS, QUIET_PATHS)
    broker.app = create_app(broker, tracing)
    post(broker, "/v1/completions", COMPLETION)
    assert got == []
    with serving(broker):
        pass
    ((path, body),) = got
    assert path == "/v1/traces"
    (spans,) = ExportTraceServiceRequest.FromString(body).resource_spans
    assert ("service.name", "nexa-server") in [(a.key, a.value.string_value) for a in spans.resource.attributes]
    assert [span.name for span in spans.scope_spans[0].spans] == ["queue", "decode", "POST /v1/completions"]
