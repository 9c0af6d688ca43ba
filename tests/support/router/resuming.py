"""A job of a few words whose client asks for a resumable stream, and loses its connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from router.client.events import StreamEvent
from tests.support.event_stream import Connection
from tests.support.router.client import COMPLETION, serving, wait_until
from tests.support.router.fake_broker import words
from tests.support.router.paced_broker import PacedBroker

STREAM = {**COMPLETION, "stream": True}
RESUMABLE = {"X-Resumable": "true"}
TEXTS = ("Once", " upon", " a", " time", ' "\n\n', " 🦊", " the", " end")
EVENTS = len(TEXTS) + 2
"""A word each, the end, and ``[DONE]``."""


def paced(**changes: Any) -> PacedBroker:
    broker = PacedBroker(script=words(*TEXTS))
    broker.settings = broker.settings.model_copy(update=changes)
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
        wait_until(lambda: not (job_of(url, job_id) or {"connected": False})["connected"])  # gone, or even forgotten
        yield url, job_id
