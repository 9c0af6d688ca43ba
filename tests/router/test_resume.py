"""Streams whose clients lose their connection and come back, over real sockets."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import router.streaming
from router.api.completion_answer import CompletionChunks
from router.event_log import EventLog
from router.generation import Generation
from router.jobs.job import Job, JobState
from router.request_log import RequestRecord
from router.resumable import KeptStream
from router.schemas.completions import CompletionRequest
from shared.jobs import Done, Failed, FinishReason, Payload, Started, Tokens
from tests.event_stream import Connection, StreamEvent, chunks_in, events_in
from tests.router.client import CHAT, COMPLETION, serving, wait_until
from tests.router.fake_broker import FakeBroker, words
from tests.router.paced_broker import PacedBroker

STREAM = {**COMPLETION, "stream": True}
RESUMABLE = {"X-Resumable": "true"}
TEXTS = ("Once", " upon", " a", " time", ' "\n\n', " 🦊", " the", " end")
EVENTS = len(TEXTS) + 2
"""A word each, the end, and ``[DONE]``."""


def paced(**changes: Any) -> PacedBroker:
    broker = PacedBroker(script=words(*TEXTS))
    broker.settings = dataclasses.replace(broker.settings, **changes)
    return broker


def ask(url: str, **options: Any) -> Connection:
    """A resumable stream, begun."""
    connection = Connection(url, "/v1/completions", STREAM, RESUMABLE, **options)
    assert connection.status == 200
    return connection


def come_back(url: str, job_id: str, after: int | None = None, **options: Any) -> Connection:
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    return Connection(url, f"/v1/jobs/{job_id}/events", headers=headers, **options)


def text_of(events: list[StreamEvent]) -> str:
    """What the chunks among them say."""
    return "".join(event.json["choices"][0]["text"] for event in events if event.data != "[DONE]")


def job_of(url: str, job_id: str) -> dict[str, Any] | None:
    """What the server says of a job; None once it knows nothing of it."""
    response = httpx.get(f"{url}/v1/jobs/{job_id}")
    assert response.status_code in (200, 404)
    job: dict[str, Any] = response.json()
    return job if response.status_code == 200 else None


@contextmanager
def detached(broker: PacedBroker, read: int = 3) -> Iterator[tuple[str, str]]:
    """A server, and the job of a client that has gone after it read some events, which are all that there are yet."""
    with serving(broker) as url:
        broker.allowed = read + 1
        connection = ask(url)
        connection.read_events(read)
        connection.cut()
        job_id = connection.headers["X-Job-Id"]
        wait_until(lambda: not (job_of(url, job_id) or {})["connected"])
        yield url, job_id


def test_a_client_that_comes_back_gets_the_rest() -> None:
    broker = paced()
    with detached(broker) as (url, job_id):
        broker.allowed = len(broker.script)
        with come_back(url, job_id, after=3) as connection:
            assert connection.headers["Content-Type"] == "text/event-stream; charset=utf-8"
            rest = events_in(connection.read_to_end())
    assert [event.id for event in rest] == list(range(4, EVENTS + 1))
    assert text_of(rest) == "".join(TEXTS[3:])
    assert rest[-1].data == "[DONE]"
    assert broker.cancelled == []


def test_it_gets_what_is_new_as_it_comes() -> None:
    broker = paced()
    with detached(broker) as (url, job_id), come_back(url, job_id, after=2) as connection:
        assert [event.id for event in connection.read_events(1)] == [3]
        broker.allowed = 6
        assert [event.id for event in connection.read_events(3)] == [3, 4, 5]
        broker.allowed = 100
        assert connection.read_to_end().endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("query", ["", "?after=0"])
def test_without_an_id_it_begins_anew(query: str) -> None:
    broker = paced()
    with detached(broker) as (url, job_id):
        broker.allowed = 100
        assert text_of(events_in(httpx.get(f"{url}/v1/jobs/{job_id}/events{query}").text)) == "".join(TEXTS)


def test_after_in_the_query_is_the_same() -> None:
    broker = paced()
    with detached(broker) as (url, job_id):
        broker.allowed = 100
        path = f"{url}/v1/jobs/{job_id}/events"
        rest = httpx.get(f"{path}?after=4").text
        assert rest.startswith("id: 5\n")
        assert httpx.get(f"{path}?after=4", headers={"Last-Event-ID": "4"}).text == rest
        differing = httpx.get(f"{path}?after=4", headers={"Last-Event-ID": "5"})
        assert (differing.status_code, differing.json()["error"]["param"]) == (400, "after")


@pytest.mark.parametrize("given", ["-1", "x", "1.5", "999", str(2**70)])
def test_ids_that_no_event_has_are_refused(given: str) -> None:
    with detached(paced()) as (url, job_id):
        response = httpx.get(f"{url}/v1/jobs/{job_id}/events", headers={"Last-Event-ID": given})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "Last-Event-ID"
    assert given in response.json()["error"]["message"]


def test_a_client_that_has_all_is_told_so() -> None:
    """An EventSource stops coming back at 204."""
    broker = paced()
    broker.allowed = 100
    with serving(broker) as url, ask(url) as connection:
        assert len(events_in(connection.read_to_end())) == EVENTS
        path = f"{url}/v1/jobs/{connection.headers['X-Job-Id']}/events"
        assert httpx.get(f"{path}?after={EVENTS}").status_code == 204
        assert len(events_in(httpx.get(f"{path}?after={EVENTS - 1}").text)) == 1


def test_the_answer_begins_before_the_first_event() -> None:
    broker = paced()
    with serving(broker) as url, ask(url) as connection:
        job = job_of(url, connection.headers["X-Job-Id"])
        assert job is not None
        assert (job["state"], job["last_event_id"], job["connected"]) == ("queued", 0, True)
        broker.allowed = 100
        assert len(chunks_in(connection.read_to_end())) == EVENTS - 1


def test_an_error_that_comes_first_is_an_event() -> None:
    broker = paced()
    broker.script, broker.allowed = [Failed(400, "the prompt is too long", "prompt")], 1
    with serving(broker) as url, ask(url) as connection:
        (error,) = events_in(connection.read_to_end())
        job = job_of(url, connection.headers["X-Job-Id"])
    assert (error.id, error.kind, error.json["error"]["param"]) == (1, "error", "prompt")
    assert job is not None
    assert job["state"] == "failed"


@pytest.mark.parametrize("header", [None, "false"])
def test_a_stream_that_was_not_asked_to_be_is_not_resumable(header: str | None) -> None:
    broker = paced()
    broker.allowed = 3
    headers = {} if header is None else {"X-Resumable": header}
    with serving(broker) as url:
        connection = Connection(url, "/v1/completions", STREAM, headers)
        job_id = connection.headers["X-Job-Id"]
        response = httpx.get(f"{url}/v1/jobs/{job_id}/events")
        assert (response.status_code, response.json()["error"]["code"]) == (400, "not_resumable")
        connection.cut()
        wait_until(lambda: broker.cancelled)
        wait_until(lambda: job_of(url, job_id) is None)


def test_the_header_is_read_strictly() -> None:
    broker = paced()
    with serving(broker) as url:
        response = httpx.post(f"{url}/v1/completions", json=STREAM, headers={"X-Resumable": "maybe"})
    assert (response.status_code, response.json()["error"]["param"]) == (400, "X-Resumable")
    assert broker.jobs == []


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


def test_a_job_whose_client_came_back_is_not() -> None:
    """Another job, whose client went later and stays away, shows that the time is over."""
    broker = paced(resume_timeout_s=1.5)
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


def test_what_has_ended_is_kept_for_the_same_time() -> None:
    broker = paced(resume_timeout_s=1.0)
    broker.allowed = 100
    with serving(broker) as url, ask(url) as connection:
        connection.read_to_end()
        job_id = connection.headers["X-Job-Id"]
        assert (job_of(url, job_id) or {})["state"] == "done"
        wait_until(lambda: job_of(url, job_id) is None)
    assert broker.cancelled == []


def test_the_latest_reader_takes_over() -> None:
    broker = paced()
    broker.allowed = 3
    with serving(broker) as url, ask(url) as former:
        former.read_events(2)
        with come_back(url, former.headers["X-Job-Id"], after=1) as latter:
            *_, told = events_in(former.read_to_end())
            assert (told.id, told.kind, told.json["error"]["code"]) == (None, "error", "taken_over")
            broker.allowed = 100
            assert [event.id for event in events_in(latter.read_to_end())] == list(range(2, EVENTS + 1))


def test_it_is_nobody_elses_business() -> None:
    """Users are told apart by their address here."""
    with detached(paced()) as (url, job_id):
        stranger = httpx.Client(base_url=url, transport=httpx.HTTPTransport(local_address="127.0.0.2"))
        with stranger:
            for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
                response = stranger.request(method, f"/v1/jobs/{job_id}{path}")
                assert (response.status_code, response.json()["error"]["code"]) == (404, "job_not_found")
            assert stranger.get("/v1/jobs").json()["data"] == []
        assert (job_of(url, job_id) or {})["state"] == "running"


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
                assert len(chunks_in(connection.read_to_end())) == EVENTS - 1


def endless(size: int, count: int) -> list[Payload]:
    """So many texts of that size, which is far more than is kept, and no end."""
    text = "x" * size
    return [Started(1, 0), *(Tokens(text, [number]) for number in range(count))]


def test_a_stream_that_waits_too_long_for_its_client_ends_within_its_bound() -> None:
    broker = paced(resume_log_bytes=50_000)
    broker.script = endless(1000, 500)
    with detached(broker) as (url, job_id):
        broker.allowed = 100_000
        wait_until(lambda: broker.cancelled)
        with come_back(url, job_id, after=3) as connection:
            events = events_in(connection.read_to_end())
        (entry,) = broker.app.state.job_registry.visible(RequestRecord(admin=True))
        assert entry.stream.log.held_bytes < 60_000
    assert [event.id for event in events] == list(range(4, 4 + len(events)))
    assert len(events) > 30
    assert (events[-1].kind, events[-1].json["error"]["code"]) == ("error", "stream_log_full")


def test_so_does_one_whose_reader_does_not_read() -> None:
    """What the sockets' buffers take is far less than what the job makes."""
    broker = paced(resume_log_bytes=1_000_000)
    broker.script, broker.allowed = endless(50_000, 400), 2
    with serving(broker) as url, ask(url, receive_bytes=4096) as connection:
        broker.allowed = 100_000
        wait_until(lambda: broker.cancelled)
        *_, last = events_in(connection.read_to_end())
        assert last.json["error"]["code"] == "stream_log_full"


def test_a_reader_that_keeps_up_may_have_any_amount_but_not_twice() -> None:
    broker = paced(resume_log_bytes=50_000)
    broker.script = words(*["x" * 1000] * 500)
    with serving(broker) as url, ask(url) as connection:
        job_id = connection.headers["X-Job-Id"]
        for count in range(20, 520, 20):
            broker.allowed = count
            last = connection.read_events(count - 1)[-1]
        broker.allowed = 1000
        assert len(chunks_in(connection.read_to_end())) == 501
        assert last.id is not None
        response = httpx.get(f"{url}/v1/jobs/{job_id}/events")
        assert (response.status_code, response.json()["error"]["code"]) == (410, "events_dropped")
        assert len(events_in(httpx.get(f"{url}/v1/jobs/{job_id}/events?after=495").text)) == 7


def test_what_a_reader_asks_for_again_stays_until_it_is_sent_again() -> None:
    async def go() -> tuple[EventLog, list[Job]]:
        broker = PacedBroker(script=endless(1000, 100), allowed=31)
        body = CompletionRequest(prompt="x")
        generation = Generation(broker, RequestRecord(), None, body.to_jobs())  # type: ignore[arg-type]
        stream = KeptStream(generation, CompletionChunks(body, generation), 50_000, 60.0, lambda: None)
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


def test_a_cancelled_stream_says_so_to_whoever_comes_back() -> None:
    broker = paced()
    with detached(broker) as (url, job_id):
        assert httpx.delete(f"{url}/v1/jobs/{job_id}").json()["state"] == "cancelled"
        with come_back(url, job_id, after=3) as connection:
            (error,) = events_in(connection.read_to_end())
        assert (error.id, error.kind, error.json["error"]["code"]) == (4, "error", "cancelled")
        assert broker.cancelled == broker.jobs
        assert httpx.delete(f"{url}/v1/jobs/{job_id}").status_code == 200  # it has ended: this forgets it
        assert job_of(url, job_id) is None


def test_the_end_of_the_server_ends_what_nobody_reads() -> None:
    broker = paced()
    with detached(broker):
        assert broker.cancelled == []
    assert broker.cancelled == broker.jobs


def test_a_silent_reader_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.streaming, "KEEP_ALIVE_INTERVAL_S", 0.02)
    broker = paced()
    with detached(broker) as (url, job_id), come_back(url, job_id, after=3) as connection:
        wait_until(lambda: connection.read_some().count(": waiting\n\n") >= 2)
        broker.allowed = 100
        assert len(events_in(connection.read_to_end())) == EVENTS - 3


@pytest.mark.parametrize(("timeout_s", "outcome"), [(60.0, "done"), (1.0, "cancelled")])
def test_its_one_line_in_the_log_tells_how_it_ended(
    caplog: pytest.LogCaptureFixture, timeout_s: float, outcome: str
) -> None:
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
    assert line.get("completion_tokens") == (len(TEXTS) if outcome == "done" else None)


class Timers:
    """Takes the place of the event loop's timers."""

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


def test_the_time_runs_from_the_disconnect_and_anew_from_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    timers, closed = Timers(), []

    async def go() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "call_later", timers.call_later)
        broker = FakeBroker(script=[Started(1, 0), Tokens("a", [1])])
        body = CompletionRequest(prompt="x")
        generation = Generation(broker, RequestRecord(), None, body.to_jobs())  # type: ignore[arg-type]
        stream = KeptStream(generation, CompletionChunks(body, generation), 1000, 7.0, lambda: closed.append(True))
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


@pytest.mark.parametrize("choices", [1, 3])
def test_a_chat_of_several_choices(choices: int) -> None:
    broker = paced()
    with serving(broker) as url:
        broker.allowed = 4
        connection = Connection(url, "/v1/chat/completions", {**CHAT, "stream": True, "n": choices}, RESUMABLE)
        before = connection.read_events(4 * choices - 1)
        connection.cut()
        broker.allowed = 100
        with come_back(url, connection.headers["X-Job-Id"], after=len(before)) as again:
            rest = events_in(again.read_to_end())
    assert [event.id for event in before + rest] == list(range(1, choices * EVENTS + 2))
    for choice in range(choices):
        deltas = [event.json["choices"][0] for event in (before + rest)[:-1]]
        texts = [delta["delta"].get("content", "") for delta in deltas if delta["index"] == choice]
        assert "".join(texts) == "".join(TEXTS)
    assert all(job.state is JobState.DONE for job in broker.jobs)


def test_openais_client_reads_a_resumable_stream() -> None:
    broker = paced()
    broker.allowed = 100
    with serving(broker) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        stream = client.completions.create(model="smol", prompt="x", stream=True, extra_headers=RESUMABLE)
        assert stream.response.headers["X-Job-Id"]
        assert "".join(chunk.choices[0].text for chunk in stream) == "".join(TEXTS)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, PacedBroker]]:
    broker = paced(resume_streams=1000)
    with serving(broker) as url:
        yield url, broker


@settings(max_examples=40, deadline=None)
@given(visits=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=6))
def test_any_cuts_lose_nothing_and_repeat_nothing(
    server: tuple[str, PacedBroker], visits: list[tuple[int, int]]
) -> None:
    """On each visit the job makes some events and the client gets some of those; what else is under way is lost."""
    url, broker = server
    broker.allowed = 1
    got: list[StreamEvent] = []
    blocks = ""
    connection = ask(url)
    job_id = connection.headers["X-Job-Id"]
    for made, wanted in visits:
        broker.allowed += made
        there = min(broker.allowed - 1, len(TEXTS) + 1)
        seen = connection.read_events(min(wanted, there - len(got)))
        blocks += "".join(block + "\n\n" for block in connection.text.split("\n\n")[: len(seen)])
        got += seen
        connection.cut()
        connection = come_back(url, job_id, after=len(got))
    broker.allowed = 100
    blocks += connection.read_to_end()
    connection.cut()
    assert blocks == httpx.get(f"{url}/v1/jobs/{job_id}/events").text
    assert [chunk["choices"][0]["text"] for chunk in chunks_in(blocks)] == [*TEXTS, ""]
    assert httpx.delete(f"{url}/v1/jobs/{job_id}").status_code == 200
