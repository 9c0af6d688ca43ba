"""HTTP/1.0 clients get bodies without chunks, which end when the connection is closed."""

from __future__ import annotations

import json

import pytest

from tests.support.router.client import COMPLETION
from tests.support.router.guarded import rest, serving_with


def asked(version: str, body: dict[str, object], *headers: str) -> bytes:
    sent = json.dumps(body)
    head = [f"POST /v1/completions HTTP/{version}", "Host: nexa", "Content-Type: application/json"]
    return "\r\n".join([*head, f"Content-Length: {len(sent)}", *headers, "", sent]).encode()


@pytest.mark.parametrize("header", ["X-None: 1", "Connection: keep-alive"])
def test_a_stream_to_an_http_1_0_client_has_no_chunks_and_ends_by_closing(header: str) -> None:
    with serving_with() as server, server.connect(asked("1.0", {**COMPLETION, "stream": True}, header)) as connection:
        head, _, body = rest(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    assert body.startswith(b"data: {")
    assert body.endswith(b"data: [DONE]\n\n")
    lines = [line for line in body.split(b"\n") if line]
    assert all(line.startswith(b"data: ") for line in lines)


def test_an_answer_of_known_length_to_an_http_1_0_client_keeps_its_length() -> None:
    with serving_with() as server, server.connect(asked("1.0", {**COMPLETION})) as connection:
        head, _, body = rest(connection).partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head.lower()
    assert json.loads(body)["object"] == "text_completion"


def test_a_stream_to_an_http_1_1_client_has_chunks() -> None:
    sent = asked("1.1", {**COMPLETION, "stream": True}, "Connection: close")
    with serving_with() as server, server.connect(sent) as connection:
        answer = rest(connection)
    assert b"transfer-encoding: chunked" in answer.lower()
    assert answer.endswith(b"\r\n0\r\n\r\n")


def test_an_http_1_0_client_is_not_told_to_continue() -> None:
    with serving_with() as server, server.connect(asked("1.0", {**COMPLETION}, "Expect: 100-continue")) as connection:
        assert rest(connection).startswith(b"HTTP/1.1 200")
