"""Comments between the events of a silent stream, as the official clients read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai._streaming import SSEDecoder

import router.answers.event_stream
from router.answers.event_stream import EventResponse
from shared.wire.payloads import Payload
from tests.support.event_stream import resumable_chunks_in
from tests.support.requests.images import CAT, INPUT, image_broker
from tests.support.requests.speech import SCRIPT as SPEECH
from tests.support.router.client import CHAT, COMPLETION, serving, wait_until
from tests.support.router.fake_broker import words
from tests.support.router.paced_broker import PacedBroker
from tests.support.router.resuming import RESUMABLE

COMMENT = b": waiting\n"
WORDS = list(words("Once", " upon", " a"))
FUNCTION = {"type": "function", "function": {"name": "f"}}
REQUESTS: dict[str, dict[str, Any]] = {
    "/v1/completions": {"json": {**COMPLETION, "stream": True}},
    "/v1/chat/completions": {"json": {**CHAT, "stream": True}},
    "/v1/function-calling": {"json": {**CHAT, "tools": [FUNCTION], "stream": True}},
    "/v1/txt2img": {"json": {**CAT, "stream": True}},
    "/v1/img2img": {"json": {**INPUT, "stream": True}},
    "/v1/images/generations": {"json": {**CAT, "stream": True}},
    "/v1/images/edits": {"json": {**INPUT, "stream": True}},
    "/v1/audio/transcriptions": {"files": {"file": ("a.mp3", b"x")}, "data": {"stream": "true"}},
    "/v1/audio/translations": {"files": {"file": ("a.mp3", b"x")}, "data": {"stream": "true"}},
}
HEADERS = pytest.mark.parametrize("headers", [{}, RESUMABLE], ids=["plain", "resumable"])


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.answers.event_stream, "KEEP_ALIVE_INTERVAL_S", 0.005)


def broker_for(path: str, folder: Path) -> PacedBroker:
    """A broker whose jobs wait after their first event."""
    images = image_broker(output_folder=str(folder))
    script: list[Payload] = WORDS
    if "audio" in path:
        script = list(SPEECH)
    elif "im" in path:
        return PacedBroker(settings=images.settings, script=images.script, allowed=1)
    return PacedBroker(script=script, allowed=1)


def with_comments_everywhere(answer: httpx.Response, broker: PacedBroker) -> Iterator[bytes]:
    """The answer's body; each event of the job follows a comment."""
    for piece in answer.iter_bytes():
        broker.allowed += piece.endswith(COMMENT)
        yield piece


@HEADERS
@pytest.mark.parametrize("path", REQUESTS)
def test_no_comment_becomes_an_event(path: str, headers: dict[str, str], tmp_path: Path) -> None:
    broker = broker_for(path, tmp_path)
    with serving(broker) as url, httpx.stream("POST", url + path, headers=headers, **REQUESTS[path]) as answer:
        pieces = list(with_comments_everywhere(answer, broker))
    assert b"".join(pieces).count(COMMENT) >= broker.allowed - 1 > 1
    *events, end = SSEDecoder().iter_bytes(iter(pieces))
    assert end.data == "[DONE]"
    assert all(isinstance(json.loads(event.data), dict) for event in events)
    assert [event.id for event in (*events, end)] == (
        [str(number) for number in range(1, len(events) + 2)] if headers else [None] * (len(events) + 1)
    )


def test_no_comment_becomes_an_event_of_a_resumed_stream(tmp_path: Path) -> None:
    broker = broker_for("/v1/completions", tmp_path)
    request = {"headers": RESUMABLE, **REQUESTS["/v1/completions"]}
    with serving(broker) as url:
        with httpx.stream("POST", url + "/v1/completions", **request) as begun:
            job_id = begun.headers["X-Job-Id"]
        with httpx.stream("GET", f"{url}/v1/jobs/{job_id}/events") as answer:
            pieces = list(with_comments_everywhere(answer, broker))
    events = list(SSEDecoder().iter_bytes(iter(pieces)))
    assert [event.data for event in events][-1] == "[DONE]"
    assert all(event.data for event in events)
    assert len(resumable_chunks_in(b"".join(pieces).decode())) == len(events) - 1


@HEADERS
def test_openais_client_reads_a_stream_with_silences(
    headers: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []
    put = EventResponse.put

    async def counted(self: EventResponse, body: bytes, more: bool = True) -> None:
        await put(self, body, more)
        sent.extend([body] * (body == COMMENT))

    monkeypatch.setattr(EventResponse, "put", counted)
    broker = broker_for("/v1/chat/completions", tmp_path)
    texts = []
    with serving(broker) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        stream = client.chat.completions.create(
            model="smol", messages=[{"role": "user", "content": "x"}], stream=True, extra_headers=headers
        )
        for chunk in stream:
            texts.append(chunk.choices[0].delta.content)
            sent.clear()
            wait_until(lambda: sent or broker.allowed == len(WORDS))
            broker.allowed += 1
    assert texts == ["", "Once", " upon", " a", None]
