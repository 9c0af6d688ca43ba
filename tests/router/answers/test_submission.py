"""A submitted request is closed, whatever happens before the end of its answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from router.answers.submission import SubmittedRequest
from router.api.audio.transcript import TranscriptChunks
from router.api.images.answer import ImageChunks
from router.api.text.chat_answer import ChatChunks
from router.api.text.completion_answer import CompletionChunks
from router.http.request_record import RequestRecord
from router.jobs.job import JobState
from router.jobs.refusals import RefusalReason, Refused
from router.schemas.text.completions import CompletionRequest
from shared.wire.jobs import TextJob
from shared.wire.payloads import Started
from shared.wire.work import PackedWork
from tests.support.router.client import CHAT, COMPLETION, app_of, ask
from tests.support.router.fake_broker import FakeBroker

ENDLESS = [Started(7, 3)]


def submission(broker: FakeBroker, record: RequestRecord | None = None, n: int = 1) -> SubmittedRequest:
    body = CompletionRequest(prompt="x", n=n)
    return SubmittedRequest(broker, record or RequestRecord(), None, body.to_jobs())


@pytest.mark.parametrize("resumable", ["true", "false"])
@pytest.mark.parametrize(
    ("writer", "path", "request_parts"),
    [
        (ChatChunks, "/v1/chat/completions", {"json": {**CHAT, "stream": True}}),
        (CompletionChunks, "/v1/completions", {"json": {**COMPLETION, "stream": True, "n": 3}}),
        (TranscriptChunks, "/v1/audio/transcriptions", {"files": {"file": b"x"}, "data": {"stream": "true"}}),
        (ImageChunks, "/v1/txt2img", {"json": {"prompt": "a", "stream": True}}),
    ],
)
def test_a_writer_that_cannot_be_made_leaves_no_job_running(
    writer: type, path: str, request_parts: dict[str, Any], resumable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(writer, "__init__", fail)
    broker = FakeBroker(script=ENDLESS)
    response = ask(broker, "POST", path, headers={"X-Resumable": resumable}, **request_parts)
    assert response.status_code == 500
    assert broker.jobs
    assert broker.cancelled == broker.jobs
    assert app_of(broker).state.job_registry.visible(RequestRecord(admin=True)) == []


def test_the_choices_of_a_prompt_are_packed_once() -> None:
    async def go() -> list[PackedWork]:
        broker = FakeBroker()
        body = CompletionRequest(prompt=["x", "y"], n=16)
        async with SubmittedRequest(broker, RequestRecord(), None, body.to_jobs()):
            return [job.packed for job in broker.jobs]

    packed = asyncio.run(go())
    assert len(packed) == 32
    assert len(set(packed[:16])) == len(set(packed[16:])) == 1
    assert [one.work.prompt for one in (packed[0], packed[16]) if isinstance(one.work, TextJob)] == ["x", "y"]


def test_nothing_is_submitted_before_it_is_entered() -> None:
    broker = FakeBroker()
    submission(broker)
    assert broker.jobs == []


def test_it_is_closed_at_the_end_unless_it_was_released() -> None:
    async def states(release: bool) -> list[JobState]:
        broker = FakeBroker(script=ENDLESS)
        async with submission(broker, n=2) as submitted:
            if release:
                submitted.release()
        return [job.state for job in broker.jobs]

    assert asyncio.run(states(release=False)) == [JobState.CANCELLED] * 2
    assert asyncio.run(states(release=True)) == [JobState.DISPATCHED] * 2


def test_a_refusal_halfway_leaves_no_job_and_an_empty_record() -> None:
    record = RequestRecord()

    async def go() -> FakeBroker:
        broker = FakeBroker(script=ENDLESS, refusal=Refused(RefusalReason.QUEUE_FULL, "full"), accepts=2)
        with pytest.raises(Refused, match="full"):
            async with submission(broker, record, n=3):
                pass
        return broker

    broker = asyncio.run(go())
    assert len(broker.jobs) == 2
    assert broker.cancelled == broker.jobs
    assert (record.jobs, record.outcome) == ((), None)
