"""Streams whose format is not that of OpenAI's events."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import Request, Response

import router.answers.event_stream
from router.answers.event_stream import EventResponse
from router.answers.response import answer_in_chunks
from router.answers.stream_format import JSON_LINES, StreamFormat
from router.answers.submission import SubmittedRequest
from router.api.dependencies import BrokerDep, RecordDep
from router.schemas.errors import ApiError
from shared.wire.jobs import TextJob
from shared.wire.payloads import Failed, Payload, Tokens
from tests.support.router.client import app_of, ask
from tests.support.router.fake_broker import FakeBroker, words
from tests.support.router.paced_broker import PacedBroker


class LineWriter:
    """A line for each text, one at the end, and one for an error."""

    def __init__(self, stream_format: StreamFormat) -> None:
        self.stream_format = stream_format

    def opening(self) -> list[str]:
        return []

    def render(self, choice: int, payloads: list[Payload]) -> list[str]:
        return [f"{payload.text}\n" for payload in payloads if isinstance(payload, Tokens)]

    def closing(self, submitted: SubmittedRequest) -> list[str]:
        return ["end\n"]

    def failure(self, error: ApiError) -> list[str]:
        return [f"failed: {error}\n"]


def with_lines(broker: FakeBroker, stream_format: StreamFormat) -> FakeBroker:
    """The broker, whose application has an endpoint of such a stream."""
    app = app_of(broker)

    @app.post("/lines", response_class=Response)
    async def lines(request: Request, broker: BrokerDep, record: RecordDep) -> Response:
        async with SubmittedRequest(broker, record, None, [TextJob(prompt="x")]) as submitted:
            return await answer_in_chunks(request, submitted, LineWriter(stream_format))

    return broker


def test_a_stream_of_lines_ends_as_its_writer_says() -> None:
    answer = ask(with_lines(FakeBroker(script=list(words("a", "b"))), JSON_LINES), "POST", "/lines")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.text == "a\nb\nend\n"


def test_an_error_in_a_stream_is_in_the_words_of_its_writer() -> None:
    script = [*list(words("a"))[:-1], Failed(status=500, message="broken")]
    assert ask(with_lines(FakeBroker(script=script), JSON_LINES), "POST", "/lines").text == "a\nfailed: broken\n"


@pytest.mark.parametrize("sign", ["", "ping\n"])
def test_silence_is_filled_only_if_the_format_has_something_for_it(sign: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.answers.event_stream, "KEEP_ALIVE_INTERVAL_S", 0.001)
    broker = PacedBroker(script=list(words("a", "b")), allowed=2)
    put, sent = EventResponse.put, list[bytes]()

    async def noted(self: EventResponse, body: bytes, more: bool = True) -> None:
        await put(self, body, more)
        sent.append(body)
        if not sign or body == b"ping\n":
            asyncio.get_running_loop().call_later(0.01, setattr, broker, "allowed", 10)

    monkeypatch.setattr(EventResponse, "put", noted)
    text = ask(with_lines(broker, StreamFormat("text/plain", sign)), "POST", "/lines").text
    assert text.replace("ping\n", "") == "a\nb\nend\n"
    assert (b"ping\n" in sent) == bool(sign)
