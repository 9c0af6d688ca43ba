"""``/v1/jobs``: showing and cancelling jobs."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from router.answers.registry import JobRegistry
from router.http.request_record import RequestRecord
from shared.wire.payloads import Failed, Started, Tokens
from tests.support.event_stream import Connection, chunks_in, events_in, resumable_chunks_in
from tests.support.requests.images import CAT, INPUT, image_broker
from tests.support.requests.speech import SCRIPT as SPEECH
from tests.support.router.client import CHAT, COMPLETION, ask, post, serving, wait_until
from tests.support.router.fake_broker import QUEUE_FULL, FakeBroker, words
from tests.support.router.paced_broker import PacedBroker

STREAM = {**COMPLETION, "stream": True}
RESUMABLE = {"X-Resumable": "true"}
JSON_PATHS: dict[str, dict[str, Any]] = {
    "/v1/completions": COMPLETION,
    "/v1/chat/completions": CHAT,
    "/v1/function-calling": {**CHAT, "tools": [{"type": "function", "function": {"name": "f"}}]},
    "/v1/txt2img": CAT,
    "/v1/img2img": INPUT,
    "/v1/images/generations": CAT,
    "/v1/images/edits": INPUT,
}
SPEECH_PATHS = ("/v1/audio/transcriptions", "/v1/audio/translations")
EVERYBODY = RequestRecord(admin=True)


def registry_of(broker: FakeBroker) -> JobRegistry:
    assert broker.app is not None
    registry: JobRegistry = broker.app.state.job_registry
    return registry


def jobs_at(url: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{url}/v1/jobs").json()
    assert answer["object"] == "list"
    jobs: list[dict[str, Any]] = answer["data"]
    return jobs


@contextmanager
def asking(url: str, path: str, body: dict[str, Any], **headers: str) -> Iterator[Future[httpx.Response]]:
    """A running request that is not streamed."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(httpx.post, url + path, json=body, headers=headers, timeout=30)


def paced(allowed: int = 0, **changes: Any) -> PacedBroker:
    broker = PacedBroker(script=words("Once", " upon", " a"), allowed=allowed)
    broker.settings = broker.settings.model_copy(update=changes)
    return broker


def test_a_job_is_described() -> None:
    broker = paced()
    with (
        serving(broker) as url,
        asking(url, "/v1/completions", {**COMPLETION, "n": 2}, **{"X-Request-ID": "r1"}) as asked,
    ):
        wait_until(lambda: jobs_at(url))
        (job,) = jobs_at(url)
        assert re.fullmatch("[0-9a-f]{32}", job["id"])
        assert job.pop("created") > 1_700_000_000
        assert job == {
            "id": job["id"],
            "object": "job",
            "request_id": "r1",
            "user": "127.0.0.1",
            "model": "smol",
            "kind": "text",
            "state": "queued",
            "choices": 2,
            "tokens": 0,
            "step": None,
            "steps": None,
            "seconds_left": None,
            "position": None,
            "resumable": False,
            "connected": True,
            "last_event_id": None,
        }
        broker.allowed = 3
        wait_until(lambda: jobs_at(url)[0]["tokens"] == 4)
        one = httpx.get(f"{url}/v1/jobs/{job['id']}").json()
        assert one == jobs_at(url)[0]
        assert (one["state"], one["tokens"]) == ("running", 4)
        broker.allowed = 100
        assert asked.result().json()["id"] == f"cmpl-{job['id']}"
        assert jobs_at(url) == []


def test_a_kept_stream_is_described() -> None:
    broker = paced(100)
    with serving(broker) as url, Connection(url, "/v1/completions", STREAM, RESUMABLE) as connection:
        connection.read_to_end()
        wait_until(lambda: not jobs_at(url)[0]["connected"])
        (job,) = jobs_at(url)
    assert (job["state"], job["tokens"], job["resumable"], job["last_event_id"]) == ("done", 3, True, 5)


def test_a_cancelled_stream_ends_in_an_error_event() -> None:
    broker = paced(2)
    with serving(broker) as url, Connection(url, "/v1/completions", STREAM) as connection:
        connection.read_events(1)
        job_id = connection.headers["X-Job-Id"]
        answer = httpx.delete(f"{url}/v1/jobs/{job_id}")
        assert (answer.status_code, answer.json()["id"], answer.json()["state"]) == (200, job_id, "cancelled")
        text, error = events_in(connection.read_to_end())
        assert text.json["choices"][0]["text"] == "Once"
        assert (error.id, error.kind, error.json["error"]["code"]) == (None, "error", "cancelled")
        assert job_id in error.json["error"]["message"]
        wait_until(lambda: jobs_at(url) == [])
    assert broker.cancelled == broker.jobs


@pytest.mark.parametrize("allowed", [0, 2])
@pytest.mark.parametrize("choices", [1, 3])
def test_a_cancelled_request_that_is_not_streamed_is_a_499(allowed: int, choices: int) -> None:
    broker = paced(allowed)
    with serving(broker) as url, asking(url, "/v1/chat/completions", {**CHAT, "n": choices}) as asked:
        wait_until(lambda: jobs_at(url) and all(len(job.generated) == max(allowed - 1, 0) for job in broker.jobs))
        httpx.delete(f"{url}/v1/jobs/{jobs_at(url)[0]['id']}").raise_for_status()
        assert asked.result().status_code == 499
        assert asked.result().json()["error"]["code"] == "cancelled"
    assert len(broker.cancelled) == choices


def test_a_stream_that_is_cancelled_before_it_begins_is_a_499_too() -> None:
    broker = paced()
    with serving(broker) as url, asking(url, "/v1/completions", STREAM) as asked:
        wait_until(lambda: jobs_at(url))
        httpx.delete(f"{url}/v1/jobs/{jobs_at(url)[0]['id']}").raise_for_status()
        assert asked.result().status_code == 499


def test_openais_client_does_not_try_a_cancelled_request_again() -> None:
    broker = paced()
    with serving(broker) as url, ThreadPoolExecutor(1) as pool:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=2)
        asked = pool.submit(client.completions.create, model="smol", prompt="x")
        wait_until(lambda: jobs_at(url))
        httpx.delete(f"{url}/v1/jobs/{jobs_at(url)[0]['id']}").raise_for_status()
        with pytest.raises(openai.APIStatusError, match="cancelled"):
            asked.result()
    assert len(broker.jobs) == 1


@pytest.mark.parametrize("path", [*JSON_PATHS, *SPEECH_PATHS])
def test_every_kind_of_request_can_be_cancelled(path: str, tmp_path: Path) -> None:
    broker = image_broker(output_folder=str(tmp_path))
    broker.script = [Started(1, 0)]
    data: dict[str, Any] = {"json": JSON_PATHS[path]} if path in JSON_PATHS else {"files": {"file": ("a.mp3", b"x")}}
    with serving(broker) as url, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(httpx.post, url + path, timeout=30, **data)
        wait_until(lambda: jobs_at(url))
        httpx.delete(f"{url}/v1/jobs/{jobs_at(url)[0]['id']}").raise_for_status()
        assert asked.result().json()["error"]["code"] == "cancelled"
    assert broker.cancelled == broker.jobs


def same_for_all(chunks: list[Any]) -> list[Any]:
    """A stream's objects without the parts that differ from answer to answer."""
    changing = {"id", "created", "created_at", "url"}
    return [{name: value for name, value in chunk.items() if name not in changing} for chunk in chunks]


@pytest.mark.parametrize("path", [*JSON_PATHS, *SPEECH_PATHS])
def test_every_kind_of_stream_is_the_same_when_it_is_resumable(path: str, tmp_path: Path) -> None:
    broker = image_broker(output_folder=str(tmp_path))
    if path in SPEECH_PATHS:
        broker.script = list(SPEECH)
        data: dict[str, Any] = {"files": {"file": ("a.mp3", b"x")}, "data": {"stream": "true"}}
    else:
        broker.script = broker.script if "im" in path else words("Once", " upon")
        data = {"json": {**JSON_PATHS[path], "stream": True, "seed": 1}}
    plain = ask(broker, "POST", path, **data)
    kept = ask(broker, "POST", path, headers=RESUMABLE, **data)
    assert plain.status_code == kept.status_code == 200
    chunks = same_for_all(resumable_chunks_in(kept.text))
    assert len(chunks) > 1
    assert chunks == same_for_all(chunks_in(plain.text))
    assert len(registry_of(broker).visible(EVERYBODY)) == 1


def test_finished_requests_leave_nothing() -> None:
    broker = FakeBroker()
    post(broker, "/v1/completions", COMPLETION)
    post(broker, "/v1/completions", STREAM)
    broker.script = [Failed(500, "no")]
    post(broker, "/v1/completions", COMPLETION)
    post(broker, "/v1/completions", STREAM)
    broker.refusal = QUEUE_FULL
    post(broker, "/v1/completions", STREAM, headers=RESUMABLE)
    assert registry_of(broker).visible(EVERYBODY) == []


def test_users_see_their_own_jobs_and_an_administrator_all() -> None:
    broker = paced()
    with serving(broker) as url:
        transport = httpx.HTTPTransport(local_address="127.0.0.2")
        with (
            asking(url, "/v1/completions", COMPLETION) as own,
            httpx.Client(base_url=url, transport=transport) as other,
        ):
            ours = threading.Thread(target=other.post, args=("/v1/completions",), kwargs={"json": COMPLETION})
            ours.start()
            wait_until(lambda: len(broker.jobs) == 2)
            (job,) = jobs_at(url)
            assert job["user"] == "127.0.0.1"
            users = {entry.user for entry in registry_of(broker).visible(RequestRecord(user="boss", admin=True))}
            assert users == {"127.0.0.1", "127.0.0.2"}
            assert registry_of(broker).find(job["id"], RequestRecord(user="boss", admin=True)).user == "127.0.0.1"
            broker.allowed = 100
            own.result()
            ours.join()


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", ""), ("GET", "/events")])
def test_an_unknown_job_is_404(method: str, path: str) -> None:
    response = ask(FakeBroker(), method, f"/v1/jobs/nonsense{path}")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "job_not_found")
    assert "nonsense" in response.json()["error"]["message"]


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("GET", "/x"), ("DELETE", "/x"), ("GET", "/x/events")])
def test_the_key_is_asked_for(method: str, path: str) -> None:
    broker = paced(api_key="secret")
    assert ask(broker, method, f"/v1/jobs{path}").status_code == 401
    with_key = ask(broker, method, f"/v1/jobs{path}", headers={"Authorization": "Bearer secret"})
    assert with_key.status_code == (404 if path else 200)


def test_it_is_documented() -> None:
    document = ask(FakeBroker(), "GET", "/openapi.json").json()
    for path in (*JSON_PATHS, *SPEECH_PATHS):
        operation = document["paths"][path]["post"]
        assert [parameter["name"] for parameter in operation["parameters"]] == ["X-Resumable"]
        assert "499" in operation["responses"]
    events = document["paths"]["/v1/jobs/{job_id}/events"]["get"]
    assert {parameter["name"] for parameter in events["parameters"]} == {"job_id", "Last-Event-ID", "after"}
    assert {"200", "204", "400", "401", "404", "410"} <= set(events["responses"])
    states = document["components"]["schemas"]["EntryState"]["enum"]
    assert states == ["queued", "running", "done", "failed", "cancelled"]
    assert "JobObject" in document["components"]["schemas"]


def test_tokens_of_a_running_stream_are_counted() -> None:
    broker = paced(3)
    broker.script = [Started(1, 0), Tokens("a", [1, 2]), Tokens("b", [3])]
    with serving(broker) as url, Connection(url, "/v1/completions", STREAM) as connection:
        connection.read_events(2)
        assert jobs_at(url)[0]["tokens"] == 3
