"""Responses whose worker or router dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.event_stream import Connection, events_in
from tests.support.requests.responses import AssembledResponse
from tests.support.running_server import RunningServer, running, wait_until

PATH = "/v1/responses"
NUMBERS = {
    "type": "object",
    "properties": {"numbers": {"type": "array", "items": {"type": "integer"}, "minItems": 40, "maxItems": 40}},
    "required": ["numbers"],
    "additionalProperties": False,
}
COUNTING: dict[str, Any] = {
    "input": "Go on: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,",
    "max_output_tokens": 400,
    "temperature": 0,
    "text": {"format": {"type": "json_schema", "name": "list", "schema": NUMBERS}},
}
"""Goes on in one way only, by such a margin that the batch's shape does not matter."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Two workers of one slot each."""
    state: Path = tmp_path_factory.mktemp("state")
    with running("--workers", "2", "--nctx", "2048", "--slots", "1", "--state-folder", str(state), "smollm2") as server:
        yield server


@pytest.fixture(autouse=True)
def _both_ready(pair: RunningServer) -> None:
    wait_until(lambda: pair.status("/ready") == 200 and len(pair.worker_pids()) == 2, "both workers are ready")


def calm(server: RunningServer) -> str:
    """The text without a fault."""
    return text_of(server.post(PATH, COUNTING))


def text_of(response: dict[str, Any]) -> str:
    (item,) = response["output"]
    text: str = item["content"][0]["text"]
    return text


def ended(server: RunningServer, response_id: str) -> dict[str, Any]:
    """The response once it has ended, over a restart of the router."""

    def look() -> dict[str, Any] | None:
        if server.status(f"{PATH}/{response_id}") != 200:
            return None
        found: dict[str, Any] = server.client.get(f"{PATH}/{response_id}").json()
        return found if found["status"] not in ("queued", "in_progress") else None

    found: dict[str, Any] = wait_until(look, "the response has ended")
    return found


def test_a_stream_survives_its_worker(pair: RunningServer) -> None:
    whole = calm(pair)
    with Connection(pair.url, PATH, {**COUNTING, "stream": True}) as connection:
        connection.read_events(20)
        busy = wait_until(lambda: [row["pid"] for row in pair.workers() if row["running"]], "one worker is busy")
        os.kill(busy[0], signal.SIGKILL)
        response = AssembledResponse(connection.read_to_end())
    assert response.response["status"] == "completed"
    assert text_of(response.response) == whole
    assert response.output == response.response["output"]
    assert ended(pair, response.response["id"]) == response.response


def test_a_response_in_the_background_survives_the_router(pair: RunningServer) -> None:
    """And one that can be resumed. What waits in the queue has failed, as it says."""
    whole = calm(pair)
    stream = Connection(pair.url, PATH, {**COUNTING, "stream": True}, {"X-Resumable": "true"})
    with stream:
        seen = stream.read_events(5)
        ids = [pair.post(PATH, {**COUNTING, "background": True})["id"] for _ in range(2)]
        wait_until(lambda: pair.client.get(f"{PATH}/{ids[0]}").json()["status"] == "in_progress", "it runs")
        os.kill(pair.router_pid(), signal.SIGKILL)
    resumed = f"resp_{stream.headers['X-Job-Id']}"
    assert text_of(ended(pair, ids[0])) == whole
    assert text_of(ended(pair, resumed)) == whole
    waited = ended(pair, ids[1])
    assert (waited["status"], waited["error"]["code"]) == ("failed", "server_error")
    rest = pair.client.get(f"/v1/jobs/{stream.headers['X-Job-Id']}/events", headers={"Last-Event-ID": "5"}).text
    numbers = [event.json["sequence_number"] for event in [*seen, *events_in(rest)]]
    assert numbers == list(range(len(numbers)))
    told = pair.post(PATH, {"input": "And?", "previous_response_id": ids[0], "max_output_tokens": 5})
    assert told["usage"]["input_tokens"] > 80
