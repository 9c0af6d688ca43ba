"""Whose names the server answers to: another name is a web page's that means this machine by it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from router.http.senders.host_check import HostCheck
from shared.settings import ServerOptions


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def answer(*hosts: str, needs_key: bool = False, version: str = "1.1", **options: Any) -> tuple[int, str]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("no body is read")

    scope = {
        "type": "http",
        "method": "GET",
        "http_version": version,
        "headers": [(b"host", host.encode()) for host in hosts],
        "state": {},
    }
    check = HostCheck(application, ServerOptions(**options), lambda: needs_key)
    asyncio.run(check(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent)
    response = httpx.Response(sent[0]["status"], content=body)
    return response.status_code, response.json()["error"]["message"] if body else ""


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "LOCALHOST.", "a.localhost:1", "127.0.0.1:8000", "[::1]:8000", "192.168.1.2"],
)
def test_names_of_this_machine_and_addresses_are_answered(host: str) -> None:
    assert answer(host) == (200, "")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", "", "a:b:c", "[x"])
def test_another_name_is_refused_while_no_key_is_needed(host: str) -> None:
    status, message = answer(host)
    assert status == 403
    assert message.startswith("Host: expected a name of this server, got ")
    assert answer(host, needs_key=True) == (200, "")
    assert answer(host, host="0.0.0.0") == (200, "")


def test_options_name_further_hosts() -> None:
    assert answer("Box.example:8000", allowed_hosts=("box.example",)) == (200, "")
    assert answer("ai.example", public_url="https://ai.example/nexa") == (200, "")
    assert answer("evil.example", allowed_hosts=("box.example",), host="0.0.0.0", needs_key=True)[0] == 403


def test_there_is_exactly_one_host() -> None:
    assert answer("localhost", "localhost") == (400, "Host: expected exactly one, got 2")
    assert answer() == (400, "Host: expected exactly one, got 0")
    assert answer(version="1.0") == (200, "")
    assert answer("evil.example", "localhost", version="1.0", needs_key=True)[0] == 400
