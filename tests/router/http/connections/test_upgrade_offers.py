"""Offers to change the protocol are ignored: the request is answered as if it had none."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator

import httpx
import pytest

from tests.support.router.client import COMPLETION
from tests.support.router.fake_broker import FakeBroker
from tests.support.router.guarded import GuardedServer, rest, serving_with

JSON_BODY = json.dumps(COMPLETION).encode()
OFFERS = {
    "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAA\r\n",
    "TLS": b"Connection: upgrade\r\nUpgrade: TLS/1.2, HTTP/1.1\r\n",
    "websocket": b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
}


def request_with(offer: bytes, body: bytes = JSON_BODY, content_type: bytes = b"application/json") -> bytes:
    head = b"POST /v1/completions HTTP/1.1\r\nHost: nexa\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n"
    return head % (content_type, len(body), offer) + body


def statuses(answers: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3})", answers)]


@pytest.fixture(scope="module")
def server() -> Iterator[GuardedServer]:
    with serving_with() as running:
        yield running


@pytest.mark.parametrize("offer", OFFERS)
def test_a_request_with_an_offer_keeps_its_body_and_its_connection(offer: str, server: GuardedServer) -> None:
    last = request_with(b"Connection: close\r\n")
    with server.connect(request_with(OFFERS[offer]) * 2 + last) as connection:
        assert statuses(rest(connection)) == [200, 200, 200]


def test_a_request_with_an_offer_may_arrive_in_any_pieces(server: GuardedServer) -> None:
    sent = request_with(OFFERS["h2c"])
    with server.connect() as connection:
        for at in range(len(sent)):
            connection.sendall(sent[at : at + 1])
        connection.sendall(request_with(b"Connection: close\r\n"))
        assert statuses(rest(connection)) == [200, 200]


def test_a_chunked_body_after_an_offer_is_read(server: GuardedServer) -> None:
    head = (
        b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    )
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(JSON_BODY), JSON_BODY)
    last = request_with(b"Connection: close\r\n")
    with server.connect(head + OFFERS["h2c"] + b"\r\n" + body + last) as connection:
        assert statuses(rest(connection)) == [200, 200]


def test_a_form_after_an_offer_is_read(server: GuardedServer) -> None:
    form = httpx.Request("POST", "http://nexa", data={"prompt": "a"}, files={"image": ("a.png", b"no")})
    sent = request_with(OFFERS["h2c"], form.read(), form.headers["Content-Type"].encode())
    sent = sent.replace(b"/v1/completions", b"/v1/img2img").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
    with server.connect(sent) as connection:
        answer = rest(connection)
    assert statuses(answer) == [200]  # without the form it is 400, "prompt is required"


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_a_websocket_is_answered_as_a_plain_request(method: bytes, server: GuardedServer) -> None:
    ask = method + b" /health HTTP/1.1\r\nHost: nexa\r\n"
    with server.connect(ask + OFFERS["websocket"] + b"\r\n" + ask + b"Connection: close\r\n\r\n") as connection:
        assert statuses(rest(connection)) == [200, 200]


def test_a_tunnel_is_refused(server: GuardedServer) -> None:
    with server.connect(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n") as connection:
        assert statuses(rest(connection)) == [400]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_offers_h2c(server: GuardedServer) -> None:
    url = f"http://127.0.0.1:{server.port}/v1/completions"
    command = ["curl", "--silent", "--http2", "--json", JSON_BODY.decode(), url, url, "--write-out", "[%{http_code}]"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    assert re.findall(r"\[(\d+)\]", done.stdout) == ["200", "200"]


def test_offers_do_not_get_around_the_limit_of_headers() -> None:
    large = b"X-Large: " + b"a" * 70_000 + b"\r\n"
    with serving_with(broker=FakeBroker()) as server, server.connect(request_with(large + OFFERS["h2c"])) as connection:
        assert statuses(rest(connection)) == [431]
        assert server.broker.jobs == []
