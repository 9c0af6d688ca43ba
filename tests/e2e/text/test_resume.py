"""Resumable streams with a real model: connections that are cut, and jobs that are cancelled from elsewhere."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from router.client.events import StreamEvent
from tests.support.event_stream import Connection, events_in
from tests.support.running_server import RunningServer, wait_until

COUNTING: dict[str, Any] = {
    "prompt": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,",
    "max_tokens": 120,
    "temperature": 0,
    "ignore_eos": True,
}
"""Goes on in one way only, by such a margin that the batch's shape does not matter."""
ENDLESS: dict[str, Any] = {"prompt": "Once upon a time", "max_tokens": 4000, "ignore_eos": True}
RESUMABLE = {"X-Resumable": "true"}


def text_of(events: list[StreamEvent]) -> str:
    chunks = [event.json["choices"][0] for event in events if event.data != "[DONE]"]
    return "".join(chunk["text"] for chunk in chunks)


def come_back(server: RunningServer, job_id: str, after: int) -> Connection:
    return Connection(server.url, f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": str(after)})


def _running(server: RunningServer) -> list[dict[str, Any]]:
    """The jobs that run; streams that have ended may still be kept."""
    return [job for job in server.client.get("/v1/jobs").json()["data"] if job["state"] == "running"]


def test_a_client_that_is_cut_off_twice_has_the_whole_text(server: RunningServer) -> None:
    whole = server.post("/v1/completions", COUNTING)["result"]
    with Connection(server.url, "/v1/completions", {**COUNTING, "stream": True}, RESUMABLE) as first:
        job_id = first.headers["X-Job-Id"]
        events = first.read_events(10)
    with come_back(server, job_id, after=10) as second:
        events += second.read_events(30)
    assert server.client.get(f"/v1/jobs/{job_id}").json()["state"] in ("running", "done")
    with come_back(server, job_id, after=40) as third:
        events += events_in(third.read_to_end())
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert events[-1].data == "[DONE]"
    assert text_of(events) == whole


def test_it_goes_on_while_nobody_is_there(server: RunningServer) -> None:
    with Connection(server.url, "/v1/completions", {**COUNTING, "stream": True}, RESUMABLE) as connection:
        connection.read_events(2)
        job_id = connection.headers["X-Job-Id"]
    done = wait_until(
        lambda: (job := server.client.get(f"/v1/jobs/{job_id}").json())["state"] == "done" and job, "it is done"
    )
    assert not done["connected"]
    assert done["tokens"] == COUNTING["max_tokens"]


def test_a_plain_stream_is_cancelled_when_its_client_goes(server: RunningServer) -> None:
    with Connection(server.url, "/v1/completions", {**ENDLESS, "stream": True}) as connection:
        connection.read_events(2)
        job_id = connection.headers["X-Job-Id"]
    wait_until(lambda: server.status(f"/v1/jobs/{job_id}") == 404, "its job is gone")
    wait_until(server.idle, "its slot is free")


def test_a_job_is_cancelled_from_another_connection(server: RunningServer) -> None:
    """Streamed and whole, its slot is free and its client is told so."""
    with Connection(server.url, "/v1/completions", {**ENDLESS, "stream": True}) as connection:
        connection.read_events(2)
        server.client.delete(f"/v1/jobs/{connection.headers['X-Job-Id']}").raise_for_status()
        last = events_in(connection.read_to_end())[-1]
    assert (last.kind, last.json["error"]["code"]) == ("error", "cancelled")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(server.client.post, "/v1/completions", json=ENDLESS)
        (job,) = wait_until(lambda: _running(server), "it is listed")
        server.client.delete(f"/v1/jobs/{job['id']}").raise_for_status()
        assert asked.result().status_code == 499
    wait_until(server.idle, "the slots are free")
