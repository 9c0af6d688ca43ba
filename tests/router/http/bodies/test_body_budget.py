"""Bodies count from their arrival to the end of the answer, and must not arrive too slowly."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

import router.http.bodies.body_budget
from router.http.bodies.body_budget import BodyBudget
from router.http.bodies.byte_budget import ByteBudget, ByteLimit
from router.http.forms import FORM_MEMORY_BYTES
from router.http.request_record import RequestRecord
from router.schemas.errors import ApiError

JSON = [(b"content-length", b"1000"), (b"content-type", b"application/json")]
FORM = [(b"transfer-encoding", b"chunked"), (b"content-type", b"Multipart/form-data; boundary=a")]


class Reader:
    """An application that reads the body, and tells what was held when it was there."""

    def __init__(self, memory: ByteBudget, files: ByteBudget, detaches: bool = False) -> None:
        self._budgets = memory, files
        self._detaches = detaches
        self.held: tuple[int, int] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        memory, files = self._budgets
        self.held = memory.held_bytes, files.held_bytes
        scope["state"]["record"].detached = self._detaches


def run(reader: Reader, budgets: tuple[ByteBudget, ByteBudget], headers: Any, *sizes: int) -> RequestRecord:
    record = RequestRecord(user="a")
    parts: list[Message] = [{"type": "http.request", "body": bytes(size), "more_body": True} for size in sizes]
    parts.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Message:
        return parts.pop(0)

    async def send(_: Message) -> None:
        raise AssertionError("nothing is sent")

    scope = {"type": "http", "headers": headers, "state": {"record": record}}
    asyncio.run(BodyBudget(reader, *budgets, FORM_MEMORY_BYTES)(scope, receive, send))
    return record


def budgets(total: int = 10_000) -> tuple[ByteBudget, ByteBudget]:
    limits = ByteLimit(total, "--memory"), ByteLimit(10 * FORM_MEMORY_BYTES, "--files")
    return ByteBudget("memory", limits[0], limits[0]), ByteBudget("files", limits[1], limits[1])


@pytest.mark.parametrize("headers", [JSON, [(b"transfer-encoding", b"chunked")]])
def test_a_body_is_held_until_the_answer_is_sent(headers: Any) -> None:
    both = budgets()
    reader = Reader(*both)
    run(reader, both, headers, 400, 600)
    assert reader.held == (1000, 0)
    assert both[0].held_bytes == 0


def test_the_large_part_of_a_form_is_in_files() -> None:
    both = budgets(2 * FORM_MEMORY_BYTES)
    reader = Reader(*both)
    run(reader, both, FORM, FORM_MEMORY_BYTES - 1, 1000)
    assert reader.held == (FORM_MEMORY_BYTES, 999)
    assert (both[0].held_bytes, both[1].held_bytes) == (0, 0)


def test_a_request_that_outlives_its_connection_holds_its_body_to_its_own_end() -> None:
    both = budgets()
    record = run(Reader(*both, detaches=True), both, JSON, 700)
    assert both[0].held_bytes == 700
    record.end()
    assert both[0].held_bytes == 0


def test_what_was_refused_is_not_held() -> None:
    both = budgets(1000)
    with pytest.raises(ApiError, match="at most 875 bytes of a request in memory"):
        run(Reader(*both), both, JSON, 600, 600)
    assert both[0].held_bytes == 0


def test_a_slow_body_is_408_and_gives_its_share_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.http.bodies.body_budget, "SLOW_BODY_S", 0.01)
    both = budgets()

    async def go() -> None:
        sent = False

        async def receive() -> Message:
            nonlocal sent
            if sent:
                await asyncio.Event().wait()
            sent = True
            return {"type": "http.request", "body": b"{", "more_body": True}

        async def send(_: Message) -> None:
            raise AssertionError("nothing is sent")

        scope = {"type": "http", "headers": JSON, "state": {"record": RequestRecord(user="a")}}
        await BodyBudget(Reader(*both), *both, FORM_MEMORY_BYTES)(scope, receive, send)

    with pytest.raises(ApiError) as raised:
        asyncio.run(go())
    assert raised.value.status == 408
    assert str(raised.value) == "body: expected at least 16384 bytes per second after 0.01 s, got fewer"
    assert both[0].held_bytes == 0
