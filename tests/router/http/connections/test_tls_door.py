"""TLS connections are counted when they are accepted, and have little time for their handshake."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import socket
import ssl
from collections.abc import Iterator

import httpx
import pytest
import trustme

from tests.support.router.client import COMPLETION, wait_until
from tests.support.router.guarded import HEAD, QUICK, GuardedServer, rest, serving_with

PATIENT = dataclasses.replace(QUICK, head_timeout_s=20.0, handshake_timeout_s=20.0)
HASTY = dataclasses.replace(QUICK, head_timeout_s=20.0, handshake_timeout_s=0.2)
GET = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def context(authority: trustme.CA) -> ssl.SSLContext:
    """The server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def trusted(authority: trustme.CA) -> ssl.SSLContext:
    """The client's side."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@contextlib.contextmanager
def secured(server: GuardedServer, trusted: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    with server.connect() as plain, trusted.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
        yield connection


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_requests_and_streams_are_answered(loop: str, context: ssl.SSLContext, trusted: ssl.SSLContext) -> None:
    with serving_with(PATIENT, loop=loop, tls=context) as server:
        with httpx.Client(base_url=f"https://127.0.0.1:{server.port}", verify=trusted) as client:
            for _ in range(3):
                assert client.get("/health").status_code == 200
            answer = client.post("/v1/completions", json={**COMPLETION, "stream": True})
            assert answer.text.rstrip().endswith("data: [DONE]")
        wait_until(lambda: not server.server.server_state.connections)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_request_that_comes_with_the_handshakes_end_is_answered(
    loop: str, context: ssl.SSLContext, trusted: ssl.SSLContext
) -> None:
    with serving_with(PATIENT, loop=loop, tls=context) as server, server.connect() as plain:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = trusted.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                plain.sendall(outgoing.read())
                incoming.write(plain.recv(65536))
        client.write(GET)
        plain.sendall(outgoing.read())  # the last message of the handshake, and the request
        received = b""
        while b"\r\n\r\n" not in received:
            incoming.write(plain.recv(65536))
            with contextlib.suppress(ssl.SSLWantReadError):
                received += client.read(65536)
        assert received.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00\x01"])
def test_a_client_that_does_not_shake_hands_is_closed_soon_and_that_is_logged(
    loop: str, sent: bytes, context: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nexa.connection")
    with serving_with(HASTY, loop=loop, tls=context) as server, server.connect(sent) as silent:
        assert rest(silent) == b""
    (line,) = (vars(record) for record in caplog.records if record.name == "nexa.connection")
    assert (line["user"], line["reason"]) == ("127.0.0.1", "TLS: expected a handshake within 0.2 s, got none")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="needs IPv6")
def test_the_log_shows_an_ipv4_address_as_such_also_over_a_socket_of_ipv6(
    context: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nexa.connection")
    with serving_with(HASTY, tls=context, dual_stack=True) as server, server.connect() as silent:
        assert rest(silent) == b""
    assert [vars(record)["user"] for record in caplog.records if record.name == "nexa.connection"] == ["127.0.0.1"]


def test_plain_http_ends_the_connection(context: ssl.SSLContext) -> None:
    with serving_with(PATIENT, tls=context) as server, server.connect(GET) as plain:
        assert b"HTTP/1.1 200" not in rest(plain)


def test_connections_without_a_handshake_take_places_which_they_give_back(
    context: ssl.SSLContext, trusted: ssl.SSLContext
) -> None:
    limits = dataclasses.replace(PATIENT, max_connections=2)
    with serving_with(limits, tls=context) as server:
        with server.connect(b"\x16") as first, server.connect(b"\x16"):
            with server.connect() as third:
                assert rest(third) == b""
            first.shutdown(socket.SHUT_WR)
            rest(first)
            with secured(server, trusted) as fourth:
                fourth.sendall(GET)
                assert fourth.recv(4096).startswith(b"HTTP/1.1 200")
        with secured(server, trusted) as one, secured(server, trusted) as two:
            for connection in (one, two):
                connection.sendall(GET)
                assert connection.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_request_over_tls_has_the_scheme_https(context: ssl.SSLContext, trusted: ssl.SSLContext) -> None:
    body = json.dumps({**COMPLETION, "stream": False}).encode()
    head = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    with serving_with(PATIENT, tls=context) as server, secured(server, trusted) as connection:
        connection.sendall(head + body)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
