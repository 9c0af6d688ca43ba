"""Streams of an earlier run of the router, whose jobs workers still have."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from router.answers.ticket import Ticket
from router.jobs.job import JobState
from shared.wire.codec import encode
from shared.wire.jobs import TextJob
from shared.wire.messages import Orphan, Submit
from shared.wire.payloads import Done, FinishReason, Payload, Started, TokenLogprob, Tokens, ToolCallDelta
from shared.wire.work import seed_of
from tests.support.router.client import CHAT, COMPLETION, app_of, http_client
from tests.support.router.fake_broker import FakeBroker, Script, words
from tests.support.router.resuming import RESUMABLE

TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
CALL: list[Payload] = [
    Started(7, 3),
    Tokens("", [1], [], [ToolCallDelta(0, "add", "")]),
    Tokens("", [2], [], [ToolCallDelta(0, None, "{}")]),
    Done(FinishReason.TOOL_CALLS, 7, 3, 2, 0.01),
]
PROBABLE: list[Payload] = [
    Started(7, 3),
    Tokens("Once", [1], [TokenLogprob("Once", b"Once", -0.5)]),
    Done(FinishReason.STOP, 7, 3, 1, 0.01),
]
USAGE = {"stream_options": {"include_usage": True}}
STORY = words("Once", " upon", " a", " time")


async def whole_stream(broker: FakeBroker, path: str, body: dict[str, Any]) -> tuple[str, str]:
    """A resumable stream that is read to its end, and its id."""
    async with http_client(broker) as client:
        answer = await client.post(path, json={**body, "stream": True}, headers=RESUMABLE)
    assert answer.status_code == 200, answer.text
    return answer.text, answer.headers["X-Job-Id"]


def left_by(broker: FakeBroker, counted: bool = False) -> Orphan:
    """What a worker has of the broker's only job."""
    request = broker.jobs[0].request
    submit = Submit("wire", "run-1", 1, seed_of(request.work), ticket=request.ticket, keep_s=request.keep_s)
    return Orphan(submit, broker.jobs[0].packed.frame, counted)


async def rest(broker: FakeBroker, job_id: str, after: int, address: str = "127.0.0.1") -> httpx.Response:
    transport = httpx.ASGITransport(app=app_of(broker), client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://nexa") as client:
        return await client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": str(after)})


@pytest.mark.parametrize(
    ("path", "body", "script"),
    [
        ("/v1/completions", COMPLETION, STORY),
        ("/v1/completions", {**COMPLETION, **USAGE}, STORY),
        ("/v1/completions", {**COMPLETION, "logprobs": 0}, PROBABLE),
        ("/v1/chat/completions", CHAT, STORY),
        ("/v1/chat/completions", {**CHAT, **USAGE, "logprobs": True}, PROBABLE),
        ("/v1/chat/completions", {**CHAT, "functions": [TOOL["function"]]}, CALL),
        ("/v1/function-calling", {**CHAT, "tools": [TOOL]}, CALL),
    ],
    ids=["completion", "usage", "probabilities", "chat", "chat with all", "legacy function", "function"],
)
def test_the_rest_of_a_stream_is_that_of_the_earlier_router(path: str, body: dict[str, Any], script: Script) -> None:
    async def story() -> None:
        earlier, later = FakeBroker(script=script), FakeBroker(script=script)
        text, job_id = await whole_stream(earlier, path, body)
        events = text.split("\n\n")[:-1]
        app_of(later)
        assert later.restore("smol-0", left_by(earlier))
        for after in range(len(events)):
            answer = await rest(later, job_id, after)
            assert answer.text.split("\n\n")[:-1] == events[after:]
        assert (await rest(later, job_id, len(events))).status_code == 204

    asyncio.run(story())


def restored(counted: bool = False) -> tuple[FakeBroker, str]:
    """A broker that has taken over a stream, which has ended."""

    async def story() -> tuple[FakeBroker, str]:
        earlier, later = FakeBroker(script=STORY), FakeBroker(script=STORY)
        _, job_id = await whole_stream(earlier, "/v1/completions", COMPLETION)
        app_of(later)
        assert later.restore("smol-0", left_by(earlier, counted))
        assert (await rest(later, job_id, 0)).status_code == 200
        return later, job_id

    return asyncio.run(story())


def test_another_user_cannot_read_it() -> None:
    later, job_id = restored()
    answer = asyncio.run(rest(later, job_id, 0, address="10.0.0.9"))
    assert answer.status_code == 404
    assert "those that still waited in the queue do not survive a restart of the router" in answer.text


@pytest.mark.parametrize(("counted", "lines"), [(False, 1), (True, 0)])
def test_its_end_is_logged_and_counted_once(counted: bool, lines: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    caplog.clear()
    restored(counted)
    facts = [record.__dict__ for record in caplog.records if record.message == "request"]
    own = [fact for fact in facts if fact["path"] == "/v1/completions"]
    assert len(own) == 1 + lines  # the earlier router's, too
    assert {(fact["user"], fact["outcome"], fact["completion_tokens"]) for fact in own} == {("127.0.0.1", "done", 4)}


@pytest.mark.parametrize("changes", [{"path": "/v1/gone"}, {"model": "gone"}, {"rendering": b"\xc1"}, None], ids=str)
def test_a_ticket_that_cannot_be_used_is_refused(changes: dict[str, Any] | None) -> None:
    async def story() -> None:
        earlier, later = FakeBroker(script=STORY), FakeBroker(script=STORY)
        await whole_stream(earlier, "/v1/completions", COMPLETION)
        submit = left_by(earlier).submit
        fields = {name: getattr(Ticket.decode(submit.ticket), name) for name in Ticket.__struct_fields__}
        ticket = b"\xc1" if changes is None else Ticket(**fields | changes).encode()
        app_of(later)
        orphan = Orphan(Submit("wire", "run-1", 1, ticket=ticket), encode(TextJob(prompt="")), counted=False)
        assert not later.restore("smol-0", orphan)
        assert all(job.ended for job in later.jobs)

    asyncio.run(story())


@pytest.mark.parametrize("body", [{**COMPLETION, "n": 2}, {**COMPLETION, "stream": False}])
def test_requests_whose_events_have_no_fixed_order_or_that_are_no_streams_get_no_ticket(body: dict[str, Any]) -> None:
    async def story() -> None:
        broker = FakeBroker(script=STORY)
        async with http_client(broker) as client:
            await client.post("/v1/completions", json={"stream": True, **body}, headers=RESUMABLE)
        assert {job.request.ticket for job in broker.jobs} == {b""}

    asyncio.run(story())


def test_the_time_limit_goes_on() -> None:
    async def story() -> None:
        broker = FakeBroker(script=STORY)
        await whole_stream(broker, "/v1/completions", {**COMPLETION, "timeout": 60})
        submit = left_by(broker).submit
        ticket = Ticket.decode(submit.ticket)
        left_s = ticket.job_request(ticket.record(), submit, broker.jobs[0].packed).timeout_s
        assert left_s is not None
        assert 0 < left_s <= 60

    asyncio.run(story())


def test_a_client_that_is_back_before_the_events_are_waits_for_them() -> None:
    async def story() -> None:
        earlier, later = FakeBroker(script=STORY), FakeBroker(script=STORY)
        text, job_id = await whole_stream(earlier, "/v1/completions", COMPLETION)
        later.script = []
        app_of(later)
        assert later.restore("smol-0", left_by(earlier))
        asking = asyncio.create_task(rest(later, job_id, 3))
        await asyncio.sleep(0)
        for payload in STORY:
            await asyncio.sleep(0)
            if isinstance(payload, Done):
                later.jobs[0].move(JobState.DONE)
            later.jobs[0].deliver(payload)
        assert text.endswith((await asking).text)

    asyncio.run(story())


def test_an_id_that_no_event_of_a_restored_stream_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.answers.resumable_stream.CATCH_UP_S", 0.01)

    async def story() -> None:
        earlier, later = FakeBroker(script=STORY), FakeBroker(script=STORY[:3])
        _, job_id = await whole_stream(earlier, "/v1/completions", COMPLETION)
        app_of(later)
        assert later.restore("smol-0", left_by(earlier))
        assert (await rest(later, job_id, 999)).status_code == 400
        later.cancel(later.jobs[0])

    asyncio.run(story())


def test_a_restored_stream_longer_than_its_log_keeps_the_newest_events() -> None:
    long = words(*(f"word{number}" for number in range(200)))

    async def story() -> None:
        earlier, later = FakeBroker(script=long), FakeBroker(script=long)
        text, job_id = await whole_stream(earlier, "/v1/completions", COMPLETION)
        later.settings = later.settings.model_copy(update={"resume_log_bytes": 10_000})
        app_of(later)
        assert later.restore("smol-0", left_by(earlier))
        answer = await rest(later, job_id, 190)
        assert answer.status_code == 200
        assert text.endswith(answer.text)
        assert (await rest(later, job_id, 0)).status_code == 410

    asyncio.run(story())


def test_an_unknown_job_is_waited_for_until_all_workers_have_been_asked() -> None:
    async def story() -> None:
        earlier, later = FakeBroker(script=STORY), FakeBroker(script=STORY, settled=False)
        _, job_id = await whole_stream(earlier, "/v1/completions", COMPLETION)
        app_of(later)
        early = asyncio.create_task(rest(later, job_id, 0))
        unknown = asyncio.create_task(rest(later, "unknown", 0))
        await asyncio.sleep(0)
        assert later.restore("smol-0", left_by(earlier))
        assert (await early).status_code == 200
        later.settled = True
        assert (await unknown).status_code == 404

    asyncio.run(story())
