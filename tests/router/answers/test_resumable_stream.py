"""Streams whose clients lose their connection and come back, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import router.answers.event_stream
from router.client.events import StreamEvent
from router.jobs.job import JobState
from shared.wire.payloads import Failed
from tests.support.event_stream import Connection, events_in, resumable_chunks_in
from tests.support.router.client import CHAT, serving, wait_until
from tests.support.router.paced_broker import PacedBroker
from tests.support.router.resuming import (
    EVENTS,
    RESUMABLE,
    STREAM,
    TEXTS,
    ask,
    come_back,
    detached,
    job_of,
    paced,
    text_of,
)


def test_a_client_that_comes_back_gets_the_rest() -> None:
    broker = paced()
    with detached(broker) as (url, job_id):
        broker.allowed = EVENTS
        with come_back(url, job_id, after=3) as connection:
            assert connection.headers["Content-Type"] == "text/event-stream; charset=utf-8"
            rest = events_in(connection.read_to_end())
    assert [event.id for event in rest] == list(range(4, EVENTS + 1))
    assert text_of(rest) == "".join(TEXTS[3:])
    assert rest[-1].data == "[DONE]"
    assert broker.cancelled == []


def test_it_gets_new_events_as_they_come() -> None:
    broker = paced()
    with detached(broker) as (url, job_id), come_back(url, job_id, after=2) as connection:
        assert [event.id for event in connection.read_events(1)] == [3]
        broker.allowed = 6
        assert [event.id for event in connection.read_events(3)] == [3, 4, 5]
        broker.allowed = 100
        assert connection.read_to_end().endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("query", ["", "?after=0"])
def test_without_an_id_the_stream_starts_over(query: str) -> None:
    broker = paced()
    with detached(broker) as (url, job_id):
        broker.allowed = 100
        assert text_of(events_in(httpx.get(f"{url}/v1/jobs/{job_id}/events{query}").text)) == "".join(TEXTS)


def test_after_in_the_query_does_the_same() -> None:
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


def test_a_client_that_has_all_events_gets_204() -> None:
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
        assert len(resumable_chunks_in(connection.read_to_end())) == EVENTS - 1


def test_an_early_error_is_an_event_too() -> None:
    broker = paced()
    broker.script, broker.allowed = [Failed(400, "the prompt is too long", "prompt")], 1
    with serving(broker) as url, ask(url) as connection:
        (error,) = events_in(connection.read_to_end())
        job = job_of(url, connection.headers["X-Job-Id"])
    assert (error.id, error.kind, error.json["error"]["param"]) == (1, "error", "prompt")
    assert job is not None
    assert job["state"] == "failed"


@pytest.mark.parametrize("header", [None, "false"])
def test_streams_are_not_resumable_by_default(header: str | None) -> None:
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


def test_head_takes_no_stream_from_its_reader() -> None:
    broker = paced()
    broker.allowed = 3
    with serving(broker) as url, ask(url) as reader:
        head = httpx.head(f"{url}/v1/jobs/{reader.headers['X-Job-Id']}/events")
        assert (head.status_code, head.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
        broker.allowed = 100
        assert [event.id for event in events_in(reader.read_to_end())] == list(range(1, EVENTS + 1))


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


def test_other_users_cannot_read_it() -> None:
    """Users are distinguished by their addresses here."""
    with detached(paced()) as (url, job_id):
        stranger = httpx.Client(base_url=url, transport=httpx.HTTPTransport(local_address="127.0.0.2"))
        with stranger:
            for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
                response = stranger.request(method, f"/v1/jobs/{job_id}{path}")
                assert (response.status_code, response.json()["error"]["code"]) == (404, "job_not_found")
            assert stranger.get("/v1/jobs").json()["data"] == []
        assert (job_of(url, job_id) or {})["state"] == "running"


def test_a_returning_client_learns_that_the_stream_was_cancelled() -> None:
    broker = paced()
    with detached(broker) as (url, job_id):
        assert httpx.delete(f"{url}/v1/jobs/{job_id}").json()["state"] == "cancelled"
        with come_back(url, job_id, after=3) as connection:
            (error,) = events_in(connection.read_to_end())
        assert (error.id, error.kind, error.json["error"]["code"]) == (4, "error", "cancelled")
        assert broker.cancelled == broker.jobs
        assert httpx.delete(f"{url}/v1/jobs/{job_id}").status_code == 200  # it has ended: this forgets it
        assert job_of(url, job_id) is None


def test_a_silent_reader_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.answers.event_stream, "KEEP_ALIVE_INTERVAL_S", 0.02)
    broker = paced()
    with detached(broker) as (url, job_id), come_back(url, job_id, after=3) as connection:
        wait_until(lambda: connection.read_some().count(": waiting\n") >= 2)
        broker.allowed = 100
        assert len(events_in(connection.read_to_end())) == EVENTS - 3


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
def test_lost_connections_lose_and_repeat_no_event(
    server: tuple[str, PacedBroker], visits: list[tuple[int, int]]
) -> None:
    """On each visit the job makes some events and the client gets some of them; the others on their way are lost."""
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
    assert [chunk["choices"][0]["text"] for chunk in resumable_chunks_in(blocks)] == [*TEXTS, ""]
    assert httpx.delete(f"{url}/v1/jobs/{job_id}").status_code == 200
