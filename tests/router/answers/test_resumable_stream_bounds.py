"""How much of a resumable stream is kept, and for how long."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from router.answers.event_log import EventLog
from router.answers.resumable_stream import ResumableStream
from router.answers.submission import SubmittedRequest
from router.api.text.completion_answer import CompletionChunks
from router.api.text.rendering import Rendering
from router.http.request_record import RequestRecord
from router.jobs.job import Job, JobState
from router.schemas.text.completions import CompletionRequest
from shared.wire.payloads import Done, FinishReason, Payload, Started, Tokens
from tests.support.event_stream import events_in, resumable_chunks_in
from tests.support.router.client import serving, wait_until
from tests.support.router.fake_broker import FakeBroker, words
from tests.support.router.paced_broker import PacedBroker
from tests.support.router.resuming import EVENTS, RESUMABLE, STREAM, TEXTS, ask, come_back, detached, job_of, paced


def test_a_job_whose_client_stays_away_is_cancelled_and_forgotten() -> None:
    broker = paced(resume_timeout_s=0.05)
    broker.allowed = 3
    with serving(broker) as url:
        connection = ask(url)
        connection.read_events(2)
        connection.cut()
        wait_until(lambda: broker.cancelled == broker.jobs)
        response = httpx.get(f"{url}/v1/jobs/{connection.headers['X-Job-Id']}/events")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "job_not_found")


def test_a_job_whose_client_comes_back_goes_on() -> None:
    """Another job, whose client left later and stays away, shows that the time is over."""
    broker = paced(resume_timeout_s=3.0)
    broker.allowed = 3
    with serving(broker) as url:
        first = ask(url)
        first.read_events(2)
        first.cut()
        job_id = first.headers["X-Job-Id"]
        wait_until(lambda: not (job_of(url, job_id) or {})["connected"])
        with come_back(url, job_id, after=2) as connection:
            second = ask(url)
            second.read_events(2)
            second.cut()
            wait_until(lambda: broker.cancelled)
            assert broker.cancelled == broker.jobs[1:]
            broker.allowed = 100
            assert len(events_in(connection.read_to_end())) == EVENTS - 2


def test_an_ended_stream_is_kept_for_the_same_time() -> None:
    broker = paced(resume_timeout_s=3.0)
    broker.allowed = 100
    with serving(broker) as url, ask(url) as connection:
        connection.read_to_end()
        job_id = connection.headers["X-Job-Id"]
        assert (job_of(url, job_id) or {})["state"] == "done"
        wait_until(lambda: job_of(url, job_id) is None)
    assert broker.cancelled == []


def test_the_oldest_detached_stream_makes_room() -> None:
    broker = paced(resume_streams=2)
    broker.allowed = 3
    with serving(broker) as url, ask(url) as first, ask(url) as second:
        first.read_events(2)
        second.read_events(2)
        third = httpx.post(f"{url}/v1/completions", json=STREAM, headers=RESUMABLE)
        assert (third.status_code, third.json()["error"]["code"]) == (429, "too_many_streams")
        assert broker.cancelled == [broker.jobs.pop()]
        broker.cancelled.clear()
        second.cut()
        wait_until(lambda: not (job_of(url, second.headers["X-Job-Id"]) or {})["connected"])
        with ask(url) as fourth:
            wait_until(lambda: broker.cancelled == [broker.jobs[1]])
            assert job_of(url, second.headers["X-Job-Id"]) is None
            broker.allowed = 100
            for connection in (first, fourth):
                assert len(resumable_chunks_in(connection.read_to_end())) == EVENTS - 1


def endless(size: int, count: int) -> list[Payload]:
    """``count`` texts of this size, far more than is kept, and no end."""
    text = "x" * size
    return [Started(1, 0), *(Tokens(text, [number]) for number in range(count))]


def test_a_stream_without_a_client_ends_at_its_limit() -> None:
    broker = paced(resume_log_bytes=50_000)
    broker.script = endless(1000, 500)
    with detached(broker) as (url, job_id):
        broker.allowed = 100_000
        wait_until(lambda: broker.cancelled)
        with come_back(url, job_id, after=3) as connection:
            events = events_in(connection.read_to_end())
        assert broker.app is not None
        (entry,) = broker.app.state.job_registry.visible(RequestRecord(admin=True))
        assert entry.stream.log.held_bytes < 60_000
    assert [event.id for event in events] == list(range(4, 4 + len(events)))
    assert len(events) > 30
    assert (events[-1].kind, events[-1].json["error"]["code"]) == ("error", "stream_log_full")


def test_a_stream_whose_reader_does_not_read_ends_at_its_limit() -> None:
    """The sockets' buffers take far less than the job makes."""
    broker = paced(resume_log_bytes=1_000_000)
    broker.script, broker.allowed = endless(50_000, 400), 2
    with serving(broker) as url, ask(url, receive_bytes=4096) as connection:
        broker.allowed = 100_000
        wait_until(lambda: broker.cancelled)
        *_, last = events_in(connection.read_to_end())
        assert last.json["error"]["code"] == "stream_log_full"


def test_a_reader_that_keeps_up_gets_any_amount_but_only_once() -> None:
    broker = paced(resume_log_bytes=50_000)
    broker.script = words(*["x" * 1000] * 500)
    with serving(broker) as url, ask(url) as connection:
        job_id = connection.headers["X-Job-Id"]
        for count in range(20, 520, 20):
            broker.allowed = count
            last = connection.read_events(count - 1)[-1]
        broker.allowed = 1000
        assert len(resumable_chunks_in(connection.read_to_end())) == 501
        assert last.id is not None
        response = httpx.get(f"{url}/v1/jobs/{job_id}/events")
        assert (response.status_code, response.json()["error"]["code"]) == (410, "events_dropped")
        assert len(events_in(httpx.get(f"{url}/v1/jobs/{job_id}/events?after=495").text)) == 7


def test_events_requested_again_are_kept_until_they_are_sent_again() -> None:
    async def go() -> tuple[EventLog, list[Job]]:
        broker = PacedBroker(script=endless(1000, 100), allowed=31)
        body = CompletionRequest(prompt="x")
        async with SubmittedRequest(broker, RequestRecord(), None, body.to_jobs()) as submitted:
            stream = ResumableStream(
                submitted, CompletionChunks(Rendering.of(body), submitted), 50_000, 60.0, lambda: None
            )
            stream.attach("one who reads", 0)
            while stream.log.last_id < 30:
                await stream.log.changed()
            stream.log.sent_id = 30
            stream.attach("one who begins anew and does not read", 10)
            broker.allowed = 101
            while not stream.log.ended:
                await stream.log.changed()
            stream.close()
            return stream.log, broker.cancelled

    log, cancelled = asyncio.run(go())
    assert len(cancelled) == 1
    assert log.read(10)[1].startswith(b"id: 11\n")


def test_a_stopping_server_cancels_streams_without_a_reader() -> None:
    broker = paced()
    with detached(broker):
        assert broker.cancelled == []
    assert broker.cancelled == broker.jobs


@pytest.mark.parametrize(("timeout_s", "outcome"), [(60.0, "done"), (1.0, "cancelled")])
def test_its_log_line_says_how_it_ended(caplog: pytest.LogCaptureFixture, timeout_s: float, outcome: str) -> None:
    broker = paced(resume_timeout_s=timeout_s)

    def lines() -> list[dict[str, Any]]:
        return [vars(record) for record in caplog.records if vars(record).get("path") == "/v1/completions"]

    with caplog.at_level("INFO", logger="nexa.request"), detached(broker) as (url, job_id):
        if outcome == "done":
            assert lines() == []
            broker.allowed = 100
        wait_until(lines)
        wait_until(lambda: outcome == "done" or job_of(url, job_id) is None)
    (line,) = lines()
    assert (line["outcome"], line["status"]) == (outcome, 200)
    assert line["completion_tokens"] == (len(TEXTS) if outcome == "done" else 3)


class Timers:
    """Replaces the event loop's timers."""

    def __init__(self) -> None:
        self.set: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timers.Handle:
        self.set.append((delay_s, callback))
        return Timers.Handle(self, self.set[-1])

    @dataclasses.dataclass
    class Handle:
        timers: Timers
        entry: tuple[float, Callable[[], None]]

        def cancel(self) -> None:
            if self.entry in self.timers.set:
                self.timers.set.remove(self.entry)


def test_the_timeout_starts_at_the_disconnect_and_again_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    timers, closed = Timers(), []

    async def go() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "call_later", timers.call_later)
        broker = FakeBroker(script=[Started(1, 0), Tokens("a", [1])])
        body = CompletionRequest(prompt="x")
        async with SubmittedRequest(broker, RequestRecord(), None, body.to_jobs()) as submitted:
            stream = ResumableStream(
                submitted, CompletionChunks(Rendering.of(body), submitted), 1000, 7.0, lambda: closed.append(True)
            )
            assert len(timers.set) == 1  # should the first reader never come
            stream.attach("reader", 0)
            assert timers.set == []
            await stream.log.changed()
            stream.detach("reader")
            (at_disconnect,) = timers.set
            (job,) = broker.jobs
            job.move(JobState.DONE)
            job.deliver(Done(FinishReason.STOP, 1, 0, 1, 0.1))
            while not stream.log.ended:
                await stream.log.changed()
            await asyncio.sleep(0)
            (at_end,) = timers.set
            assert at_end is not at_disconnect
            assert at_end[0] == at_disconnect[0] == 7.0
            assert not closed
            at_end[1]()
            assert closed
            assert timers.set == []

    asyncio.run(go())
