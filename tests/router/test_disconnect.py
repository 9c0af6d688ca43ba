"""A client that goes away frees its slots, over a real socket."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from shared.jobs import Started, Tokens
from tests.router.client import CHAT, COMPLETION, serving, wait_until
from tests.router.fake_broker import FakeBroker


def send(url: str, path: str, body: dict[str, Any]) -> socket.socket:
    """A connection on which a request has been sent."""
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname or "", address.port or 0), timeout=10)
    data = json.dumps(body).encode()
    headers = ["Host: nexa", "Content-Type: application/json", f"Content-Length: {len(data)}"]
    head = "\r\n".join([f"POST {path} HTTP/1.1", *headers, "", ""])
    connection.sendall(head.encode() + data)
    return connection


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("choices", [1, 3])
def test_a_disconnect_cancels_all_jobs(stream: bool, choices: int) -> None:
    broker = FakeBroker(script=[Started(1, 0), Tokens("Once", [1])])
    with serving(broker) as url:
        connection = send(url, "/v1/chat/completions", {**CHAT, "stream": stream, "n": choices})
        wait_until(lambda: len(broker.jobs) == choices and all(job.generated for job in broker.jobs))
        if stream:
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        assert not broker.cancelled
        connection.close()
        wait_until(lambda: len(broker.cancelled) == choices)


@pytest.mark.parametrize("stream", [True, False])
def test_a_disconnect_while_queued_cancels(stream: bool) -> None:
    broker = FakeBroker(script=[])
    with serving(broker) as url:
        connection = send(url, "/v1/completions", {**COMPLETION, "stream": stream})
        wait_until(lambda: broker.jobs)
        connection.close()
        wait_until(lambda: broker.cancelled)


def test_a_disconnect_within_the_body_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="nexa.request")
    with serving(FakeBroker()) as url:
        address = urlsplit(url)
        connection = socket.create_connection((address.hostname or "", address.port or 0), timeout=10)
        headers = ["Host: nexa", "Content-Type: application/json", "Content-Length: 99"]
        head = "\r\n".join(["POST /v1/completions HTTP/1.1", *headers, "", ""])
        connection.sendall(head.encode() + b'{"prompt": "Once')
        connection.close()
        wait_until(lambda: any(record.name == "nexa.request" for record in caplog.records))
    (line,) = [record for record in caplog.records if record.name == "nexa.request"]
    assert (line.levelname, vars(line)["outcome"]) == ("INFO", "cancelled")
