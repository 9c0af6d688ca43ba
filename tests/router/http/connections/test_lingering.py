"""Clients that still send when their request is refused: they get the answer, and cannot send for ever."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import http.client
import json
import logging
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from router.http.connections.lingering import LingeringTransport
from tests.support.router.client import COMPLETION, wait_until
from tests.support.router.fake_broker import FakeBroker
from tests.support.router.guarded import HEAD, QUICK, USUAL, GuardedServer, error_of, rest, serving_with

MUCH = 30_000_000
"""More than the socket buffers of both sides take."""
SMALL_LIMITS = {"max_body_bytes": 1000, "api_key": "secret"}
SHORT = dataclasses.replace(USUAL, linger_timeout_s=0.3)


def broker_with(**settings: object) -> FakeBroker:
    broker = FakeBroker()
    broker.settings = broker.settings.model_copy(update=settings)
    return broker


@pytest.fixture(scope="module")
def server() -> Iterator[GuardedServer]:
    with serving_with(broker=broker_with(**SMALL_LIMITS)) as running:
        yield running


def send_endlessly(connection: socket.socket, piece: bytes = b"1000\r\n" + b"a" * 4096 + b"\r\n") -> None:
    """Send until the server has closed the connection."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while True:
            connection.sendall(piece)


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [("/v1/completions", "secret", 413), ("/v1/completions", "wrong", 413), ("/health", "", 413)],
)
def test_http_client_reads_the_answer_to_a_body_that_is_too_large(
    path: str, key: str, status: int, server: GuardedServer
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    connection.request("POST", path, b"a" * MUCH, headers)
    with connection.getresponse() as answer:
        assert answer.status == status
        assert "1000" in json.load(answer)["error"]["message"]
    connection.close()


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
@pytest.mark.parametrize("body", ["'a'.repeat(30e6)", "new Blob(['a'.repeat(30e6)]).stream()"])
def test_nodes_fetch_reads_the_answer_to_a_body_that_is_too_large(body: str, server: GuardedServer) -> None:
    script = f"""
        const headers = {{"Content-Type": "application/json", Authorization: "Bearer secret"}};
        const answer = await fetch("http://127.0.0.1:{server.port}/v1/completions",
            {{method: "POST", duplex: "half", headers, body: {body}}});
        console.log(answer.status, (await answer.json()).error.type);
    """
    command = ["node", "--input-type=module", "--eval", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("413 request_too_large\n", "")


def test_a_refusal_without_a_key_keeps_the_connection_and_reads_the_body() -> None:
    with serving_with(broker=broker_with(api_key="secret")) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        for key, status in (("wrong", 401), ("secret", 200)):
            body = json.dumps({**COMPLETION, "user": "a" * 7_000_000 if status == 401 else "a"})
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
            connection.request("POST", "/v1/completions", body, headers)
            with connection.getresponse() as answer:
                assert answer.status == status
                answer.read()
        connection.close()


@pytest.mark.parametrize("key", [b"secret", b"wrong"])
@pytest.mark.parametrize("bound", ["seconds", "bytes"])
def test_an_endless_body_after_a_refusal_is_cut_and_one_line_says_so(
    bound: str, key: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nexa.connection")
    limits = SHORT if bound == "seconds" else dataclasses.replace(USUAL, max_linger_bytes=1_000_000)
    head = HEAD + b"Authorization: Bearer " + key + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving_with(limits, broker_with(max_body_bytes=10_000, api_key="secret")) as server:
        with server.connect(head) as connection:
            send_endlessly(connection)
        wait_until(lambda: not server.server.server_state.connections)
    bounds = f"{limits.max_linger_bytes} bytes or {limits.linger_timeout_s:g} s"
    reasons = [vars(line)["reason"] for line in caplog.records if line.name == "nexa.connection"]
    assert reasons[-1] == f"body: expected its end within {bounds} after the answer, got more"


def test_the_end_of_an_answer_is_seen_before_the_server_stops_reading() -> None:
    body = b"1000\r\n" + b"a" * 4096 + b"\r\n"
    with serving_with(broker=broker_with(max_body_bytes=1000)) as server:
        with server.connect(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body) as connection:
            assert error_of(rest(connection))[0] == 413
            connection.sendall(body * 100)  # is read
        wait_until(lambda: not server.server.server_state.connections)


def test_a_refused_request_that_waits_to_send_its_body_is_answered_and_not_told_to_continue() -> None:
    head = HEAD + b"Expect: 100-continue\r\nContent-Length: 2000\r\n\r\n"
    with serving_with(broker=broker_with(max_body_bytes=1000)) as server, server.connect(head) as connection:
        assert error_of(rest(connection))[0] == 413


def test_an_answered_request_whose_body_stalls_gets_no_second_answer() -> None:
    head = HEAD + b"Content-Length: 2000\r\n\r\n"
    with serving_with(QUICK, broker_with(api_key="secret")) as server, server.connect(head) as connection:
        assert rest(connection).count(b"HTTP/1.1 ") == 1


def test_a_slow_head_is_refused_before_the_client_has_finished() -> None:
    with serving_with(QUICK) as server, server.connect(HEAD) as connection:
        assert error_of(rest(connection))[0] == 408
        connection.sendall(b"X-Late: 1\r\n" * 1000)


def test_a_lingering_connection_does_not_delay_the_servers_end() -> None:
    head = HEAD + b"Content-Length: 2000\r\n\r\n"
    with serving_with(broker=broker_with(max_body_bytes=1000)) as server, server.connect(head) as connection:
        assert error_of(rest(connection))[0] == 413
        server.server.should_exit = True
        wait_until(lambda: not server.server.server_state.connections)


@pytest.mark.parametrize(
    "request_bytes",
    [b"GET /health HTTP/1.1\r\nHost: nexa\r\n\r\n", HEAD + b"Content-Length: 2000\r\n\r\n"],
    ids=["idle", "sending"],
)
def test_a_tls_client_that_does_not_close_does_not_delay_the_servers_end(request_bytes: bytes, tmp_path: Path) -> None:
    """Such a client, idle or still sending, is waited for during 30 s by default."""
    pem = str(tmp_path / "both.pem")
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    limits = dataclasses.replace(USUAL, last_close_timeout_s=0.1)
    with (
        serving_with(limits, broker_with(max_body_bytes=1000), ssl_certfile=pem) as server,
        server.connect() as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(request_bytes)
        assert connection.recv(1000).startswith(b"HTTP/1.1 ")
        server.server.should_exit = True
        wait_until(lambda: not server.server.server_state.connections)


class CountingTransport(asyncio.Transport):
    """Notes when its reading is paused and resumed."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.resumed = asyncio.Event()

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")
        self.resumed.set()

    def is_closing(self) -> bool:
        return False

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        self.calls.append("close")


def test_what_is_dropped_is_read_in_turns_with_other_connections() -> None:
    async def drop() -> list[str]:
        inner = CountingTransport()
        transport = LingeringTransport(inner, asyncio.get_running_loop(), lambda: True, 30.0, 1000, lambda: None)
        transport.close()
        inner.resumed.clear()
        transport.count_unwanted(b"x" * 600)
        assert inner.calls == ["resume", "pause"]
        await asyncio.wait_for(inner.resumed.wait(), 10)
        transport.count_unwanted(b"x" * 600)  # beyond the bound
        return inner.calls

    assert asyncio.run(drop()) == ["resume", "pause", "resume", "close"]
