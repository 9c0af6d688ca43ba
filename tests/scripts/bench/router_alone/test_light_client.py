"""The light client against servers that answer with given bytes."""

from __future__ import annotations

import asyncio
import json

import pytest

from scripts.bench.router_alone.apis import CHAT
from scripts.bench.router_alone.light_client import (
    Connection,
    Received,
    WrongAnswer,
    first_text_s,
    read_stream,
    request_bytes,
)

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def event(delta: dict[str, str]) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": delta}]}, separators=(",", ":")).encode() + b"\n\n"


ROLE, ONCE, UPON = event({"role": "assistant", "content": ""}), event({"content": "Once"}), event({"content": " upon"})
USAGE = b'data: {"choices":[],"usage":{"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"


def http_chunks(*bodies: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(body), body) for body in bodies) + b"0\r\n\r\n"


def received_at_once(*bodies: bytes) -> list[Received]:
    return [(0.0, HEAD + http_chunks(*bodies))]


def text_of(*bodies: bytes) -> str:
    return CHAT.read(read_stream(received_at_once(*bodies))[0])[0]


async def answered_with(*answers: bytes, by_byte: bool = False) -> list[list[Received]]:
    """What a client receives, on one connection, from a server that sends these answers one after the other."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while left:
            await reader.readuntil(b"\r\n\r\n")
            answer = left.pop(0)
            for piece in [answer[at : at + 1] for at in range(len(answer))] if by_byte else [answer]:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        connection = await Connection.open(*server.sockets[0].getsockname())
        try:
            return [await connection.ask(request_bytes("/")) for _ in answers]
        finally:
            connection.close()


def test_a_stream_is_read_to_its_usage() -> None:
    stream, chunks = read_stream(received_at_once(ROLE + ONCE, UPON, USAGE + DONE))
    assert (CHAT.read(stream), chunks) == (("Once upon", 2), 3)


def test_events_may_have_ids() -> None:
    events = [b"id: %d\n%s" % (number, event) for number, event in enumerate((ROLE, ONCE, UPON, USAGE, DONE))]
    assert text_of(*events) == "Once upon"


def test_a_keep_alive_comment_is_no_event() -> None:
    assert text_of(ROLE, b": waiting\n", ONCE, USAGE, DONE) == "Once"


@pytest.mark.parametrize(
    ("bodies", "complaint"),
    [
        ((ROLE, ONCE, USAGE), "the stream ends with"),
        ((ROLE, ONCE, b"event: error\ndata: {}\n\n"), "the stream ends with"),
        ((ROLE, ONCE, DONE), "no usage"),
        ((DONE,), "no usage"),
    ],
)
def test_a_stream_without_its_end_is_refused(bodies: tuple[bytes, ...], complaint: str) -> None:
    with pytest.raises(WrongAnswer, match=complaint):
        text_of(*bodies)


def test_an_error_is_reported_with_its_body() -> None:
    with pytest.raises(WrongAnswer, match=r"429 Too Many Requests: .*full"):
        read_stream([(0.0, b'HTTP/1.1 429 Too Many Requests\r\n\r\n{"error": "full"}')])


def test_the_first_text_is_not_the_role() -> None:
    received = [(1.0, HEAD), (2.0, ROLE), (3.0, ONCE[:30]), (4.0, ONCE[30:]), (5.0, UPON)]
    assert first_text_s(received) == 4.0
    with pytest.raises(WrongAnswer, match="no text"):
        first_text_s(received[:2])


@pytest.mark.parametrize("by_byte", [False, True])
def test_an_answer_ends_where_its_last_chunk_ends(by_byte: bool) -> None:
    answers = [HEAD + http_chunks(ROLE, ONCE), HEAD + http_chunks(ROLE, UPON)]
    got = asyncio.run(answered_with(*answers, by_byte=by_byte))
    assert [b"".join(data for _, data in received) for received in got] == answers


def test_a_server_that_closes_the_connection_is_an_error() -> None:
    with pytest.raises(ConnectionError):
        asyncio.run(answered_with(HEAD + b"5\r\ndata:"))
