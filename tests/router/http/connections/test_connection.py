"""Slow, silent and greedy clients on real sockets: how their connections end."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import socket

import pytest

from router.http.connections.connection_limits import ConnectionLimits
from shared.wire.payloads import Payload, Started, Tokens
from tests.support.router.client import COMPLETION, wait_until
from tests.support.router.fake_broker import FakeBroker
from tests.support.router.guarded import HEAD, QUICK, error_of, rest, serving_with


@pytest.mark.parametrize("sent", [b"POST /v1/comp", HEAD, HEAD + b"X-Slow: a"])
def test_incomplete_headers_are_408(sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "nexa.connection")
    with serving_with(QUICK) as server, server.connect(sent) as connection:
        status, message = error_of(rest(connection))
        assert status == 408
        assert "headers" in message
    (line,) = (vars(record) for record in caplog.records if record.name == "nexa.connection")
    assert (line["user"], line["status"], line["reason"]) == ("127.0.0.1", 408, message)


def test_trickling_headers_do_not_extend_the_timeout() -> None:
    with serving_with(QUICK) as server, server.connect(HEAD) as connection:
        connection.settimeout(0.02)
        received = b""
        with contextlib.suppress(OSError):
            for _ in range(1000):  # far longer than the timeout, at 20 ms each
                with contextlib.suppress(TimeoutError):
                    received += connection.recv(4096)
                    break
                connection.sendall(b"X-A: b\r\n")
        assert received.startswith(b"HTTP/1.1 408")


def test_a_silent_connection_is_closed_without_a_response() -> None:
    with serving_with(QUICK) as server, server.connect() as connection:
        assert rest(connection) == b""


def test_empty_lines_after_an_answer_do_not_keep_a_connection_open() -> None:
    with serving_with(QUICK) as server, server.connect(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n") as connection:
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        connection.sendall(b"\r\n")
        assert rest(connection).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("body", [b"", b'{"prompt"'])
def test_a_body_that_stalls_is_408_and_submits_no_job(body: bytes) -> None:
    with serving_with(QUICK) as server, server.connect(HEAD + b"Content-Length: 999\r\n\r\n" + body) as connection:
        status, message = error_of(rest(connection))
        assert status == 408
        assert "1024 bytes" in message
        assert server.broker.jobs == []


def test_a_slow_body_that_makes_progress_is_accepted() -> None:
    limits = ConnectionLimits(head_timeout_s=0.4, body_timeout_s=1.5, min_progress_bytes=1)
    body = json.dumps(COMPLETION).encode()
    head = HEAD + b"Content-Length: %d\r\n\r\n" % len(body)
    with serving_with(limits) as server, server.connect(head) as connection:
        for at in range(5):
            connection.sendall(body[at : at + 1])
            with server.connect() as silent:
                rest(silent)  # lasts as long as the head timeout; five of them exceed the body timeout
        connection.sendall(body[5:])
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"X-Large: " + b"a" * 70_000 + b"\r\n\r\n",
        HEAD + b"".join(b"X-%d: b\r\n" % n for n in range(8000)) + b"\r\n",
        b"GET /health?" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        HEAD + b"X-Endless: " + b"a" * 70_000,
    ],
)
def test_a_head_over_the_limit_is_431(head: bytes) -> None:
    patient = dataclasses.replace(QUICK, head_timeout_s=20.0)
    with serving_with(patient) as server, server.connect(head) as connection:
        answer = rest(connection)
        assert error_of(answer)[0] == 431
        assert server.broker.jobs == []


def test_a_large_head_within_the_limit_is_served() -> None:
    head = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Large: " + b"a" * 60_000 + b"\r\n\r\n"
    with serving_with(QUICK) as server, server.connect(head) as connection:
        assert rest(connection).startswith(b"HTTP/1.1 200")


def test_data_that_is_not_http_is_answered_with_an_error_object() -> None:
    with serving_with(QUICK) as server, server.connect(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") as connection:
        assert error_of(rest(connection))[0] == 400


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_client_that_stops_reading_loses_its_connection_and_job(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "nexa.connection")
    script: list[Payload] = [
        Started(1, 0),
        *(Tokens("word " * 4000, [1]) for _ in range(1000)),
    ]  # 20 MB, without an end
    body = json.dumps({**COMPLETION, "stream": True}).encode()
    request = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with serving_with(QUICK, FakeBroker(script=script), loop) as server, server.connect(request, receive_buffer=4096):
        wait_until(lambda: server.broker.cancelled)
        wait_until(lambda: not server.server.server_state.connections)
    reasons = [vars(line)["reason"] for line in caplog.records if line.name == "nexa.connection"]
    assert reasons == ["the client stopped reading"]


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux's kernel does this")
def test_a_client_that_reads_nothing_of_a_short_answer_is_disconnected() -> None:
    script: list[Payload] = [
        Started(1, 0),
        Tokens("word " * 8000, [1]),
    ]  # 40 kB: more than the client takes, less than a write buffer
    body = json.dumps({**COMPLETION, "stream": True}).encode()
    request = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with serving_with(QUICK, FakeBroker(script=script)) as server, server.connect(request, receive_buffer=4096):
        wait_until(lambda: server.broker.cancelled)


def test_a_stream_that_is_read_outlives_all_timeouts() -> None:
    body = json.dumps({**COMPLETION, "stream": True}).encode()
    request = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    broker = FakeBroker(script=[Started(1, 0), Tokens("Once", [1])])
    with serving_with(QUICK, broker) as server, server.connect(request) as connection:
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        connection.sendall(b"\r\n")  # what some clients send after a body
        for _ in range(3):
            with server.connect() as silent:
                rest(silent)  # takes as long as the timeouts
        assert not broker.cancelled
        assert len(server.server.server_state.connections) == 1


def test_connections_beyond_the_limit_are_503() -> None:
    limits = ConnectionLimits(max_connections=2)
    with serving_with(limits) as server, server.connect() as first, server.connect():
        wait_until(lambda: len(server.server.server_state.connections) == 2)
        with server.connect() as third:
            status, message = error_of(rest(third))
            assert status == 503
            assert message == (
                "connections: expected at most 2 at a time (--max-connections), got more; try again later"
            )
        first.close()
        wait_until(lambda: len(server.server.server_state.connections) == 1)
        assert server.answers() == 200
