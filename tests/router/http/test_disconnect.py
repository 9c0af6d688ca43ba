"""A client that disconnects frees its slots, over a real socket."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.types import Message

from router.http.disconnect import ClientGone, run_unless_disconnected
from shared.wire.payloads import Started, Tokens
from tests.support.router.client import CHAT, COMPLETION, serving, wait_until
from tests.support.router.fake_broker import FakeBroker


def send(url: str, path: str, body: dict[str, Any]) -> socket.socket:
    """A connection that has sent a request."""
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
def test_a_disconnect_cancels_a_queued_job(stream: bool) -> None:
    broker = FakeBroker(script=[])
    with serving(broker) as url:
        connection = send(url, "/v1/completions", {**COMPLETION, "stream": stream})
        wait_until(lambda: broker.jobs)
        connection.close()
        wait_until(lambda: broker.cancelled)


def test_a_disconnect_during_the_body_is_logged_as_cancelled(caplog: pytest.LogCaptureFixture) -> None:
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


class Client:
    """A client's end of an ASGI connection; ``work`` waits until it may end."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.may_end = asyncio.Event()
        self.work_ended_by: str | None = None

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def work(self) -> str:
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # it cleans up
            self.work_ended_by = "cancellation"
            raise
        return "answer"


def outcome_after(*actions: Callable[[Client, asyncio.Task[str]], None]) -> tuple[str, str | None]:
    """How the call and its work end after some actions; no task is left over."""

    async def go() -> tuple[str, str | None]:
        client = Client()
        waiting = asyncio.ensure_future(run_unless_disconnected(client.receive, client.work()))
        for _ in range(5):  # until both tasks wait
            await asyncio.sleep(0)
        for act in actions:
            act(client, waiting)
        try:
            outcome = await waiting
        except (asyncio.CancelledError, ClientGone) as error:
            outcome = type(error).__name__
        ended_by = client.work_ended_by
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return outcome, ended_by

    return asyncio.run(go())


def disconnect(client: Client, waiting: asyncio.Task[str]) -> None:
    client.gone.set()


def finish_work(client: Client, waiting: asyncio.Task[str]) -> None:
    client.may_end.set()


def cancel_caller(client: Client, waiting: asyncio.Task[str]) -> None:
    waiting.cancel()


def test_the_result_of_the_work_is_returned() -> None:
    assert outcome_after(finish_work) == ("answer", None)


def test_a_disconnect_cancels_the_work_and_waits_for_it() -> None:
    assert outcome_after(disconnect) == ("ClientGone", "cancellation")


def test_cancelling_the_caller_cancels_the_work_and_waits_for_it() -> None:
    assert outcome_after(cancel_caller) == ("CancelledError", "cancellation")


def test_a_cancelled_caller_gets_cancelled_error_even_if_the_client_disconnects() -> None:
    assert outcome_after(disconnect, cancel_caller)[0] == "CancelledError"
    assert outcome_after(cancel_caller, disconnect)[0] == "CancelledError"


def test_an_error_in_the_work_reaches_the_caller() -> None:
    async def fail() -> None:
        raise ValueError("no")

    async def go() -> None:
        await run_unless_disconnected(Client().receive, fail())

    with pytest.raises(ValueError, match="no"):
        asyncio.run(go())
