"""Middleware: request ids, keys, body sizes, log lines and errors."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from router.http.request_record import RequestRecord
from shared.wire.payloads import Failed
from tests.support.router.client import CHAT, COMPLETION, ask, post
from tests.support.router.fake_broker import FakeBroker


def broker_with(**settings: Any) -> FakeBroker:
    broker = FakeBroker()
    broker.settings = broker.settings.model_copy(update=settings)
    return broker


def line(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The fields of the last request's only log line."""
    (record,) = [record for record in caplog.records if record.getMessage() == "request"]
    return vars(record)


@pytest.fixture(autouse=True)
def _logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG, logger="nexa.request"):
        yield


def test_a_clients_request_id_is_kept() -> None:
    broker = FakeBroker()
    response = post(broker, "/v1/completions", COMPLETION, headers={"X-Request-ID": "job-7.a_B"})
    assert response.headers["X-Request-ID"] == "job-7.a_B"
    assert broker.jobs[0].request.request_id == "job-7.a_B"


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 129, "ä"])
def test_a_missing_or_malformed_request_id_is_replaced(given: str | None) -> None:
    headers = {} if given is None else {"X-Request-ID": given.encode()}
    response = ask(FakeBroker(), "GET", "/health", headers=headers)
    assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-ID"])


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic c2VjcmV0", "secret", "Bearer", "Bearer sécret"])
def test_a_missing_or_wrong_key_is_401(header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode()}
    response = ask(broker_with(api_key="secret"), "GET", "/v1/models", headers=headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json()["error"]["type"] == "authentication_error"
    assert "secret" not in response.text
    assert "X-Request-ID" in response.headers


def test_with_the_shared_key_users_are_identified_by_address() -> None:
    broker = broker_with(api_key="secret")
    assert post(broker, "/v1/completions", COMPLETION, headers={"Authorization": "bearer secret"}).status_code == 200
    assert broker.jobs[0].request.user == "127.0.0.1"
    assert broker.jobs[0].request.network == "127.0.0.1"


@pytest.mark.parametrize("path", ["/health", "/docs", "/openapi.json"])
def test_open_paths_need_no_key(path: str) -> None:
    assert ask(broker_with(api_key="secret"), "GET", path).status_code == 200


def test_without_a_key_users_are_identified_by_address() -> None:
    broker = FakeBroker()
    post(broker, "/v1/completions", COMPLETION)
    assert broker.jobs[0].request.user == "127.0.0.1"


def test_a_body_over_the_limit_is_413_by_its_content_length() -> None:
    response = ask(broker_with(max_body_bytes=100), "POST", "/v1/completions", content=b"x" * 101)
    assert response.status_code == 413
    assert "101" in response.json()["error"]["message"]
    assert "100" in response.json()["error"]["message"]


def test_a_chunked_body_over_the_limit_is_413() -> None:
    async def chunks() -> Any:
        for _ in range(30):
            yield b" " * 10

    headers = {"Content-Type": "application/json"}
    response = ask(broker_with(max_body_bytes=100), "POST", "/v1/completions", content=chunks(), headers=headers)
    assert response.status_code == 413
    assert "100" in response.json()["error"]["message"]


def test_a_body_of_exactly_the_limit_is_accepted() -> None:
    body = b'{"prompt": "' + b"a" * 86 + b'"}'
    headers = {"Content-Type": "application/json"}
    response = ask(broker_with(max_body_bytes=100), "POST", "/v1/completions", content=body, headers=headers)
    assert len(body) == 100
    assert response.status_code == 200


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_without_a_json_content_type_is_refused(content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    response = ask(FakeBroker(), "POST", "/v1/completions", content=b'{"prompt": "a"}', headers=headers)
    assert response.status_code == 400
    assert "application/json" in response.json()["error"]["message"]


def test_unknown_routes_are_404_and_wrong_methods_405() -> None:
    response = ask(FakeBroker(), "GET", "/v1/nothing")
    assert (response.status_code, response.json()["error"]["type"]) == (404, "not_found_error")
    response = ask(FakeBroker(), "GET", "/v1/completions")
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert "POST" in response.json()["error"]["message"]


def test_an_unhandled_error_is_a_500_with_the_request_id(caplog: pytest.LogCaptureFixture) -> None:
    broker = FakeBroker(refusal=RuntimeError("secret detail"))
    response = post(broker, "/v1/completions", COMPLETION)
    assert response.status_code == 500
    assert response.headers["X-Request-ID"] in response.json()["error"]["message"]
    assert "secret detail" not in response.text
    assert "secret detail" in caplog.text
    assert line(caplog)["outcome"] == "failed"


def test_a_request_is_logged_in_one_line_without_its_prompt(caplog: pytest.LogCaptureFixture) -> None:
    post(FakeBroker(), "/v1/chat/completions", {**CHAT, "stream": True}, headers={"X-Request-ID": "r1"})
    fields = line(caplog)
    expected = {
        "id": "r1",
        "user": "127.0.0.1",
        "method": "POST",
        "path": "/v1/chat/completions",
        "status": 200,
        "model": "smol",
        "worker": "smol-0",
        "prompt_tokens": 7,
        "cached_tokens": 3,
        "completion_tokens": 2,
        "outcome": "done",
    }
    assert {name: fields[name] for name in expected} == expected
    assert 0 <= fields["ttft_s"] <= fields["duration_s"]
    assert "story" not in str(fields)


@pytest.mark.parametrize(
    ("path", "body", "prompts"),
    [
        ("/v1/chat/completions", {**CHAT, "n": 2}, [CHAT["messages"]]),
        ("/v1/completions", {"prompt": ["a story\nof old", "b"]}, ["a story\nof old", "b"]),
        ("/v1/completions", {"prompt": [1, 2]}, [[1, 2]]),
    ],
)
def test_prompts_are_logged_if_the_option_is_set(
    path: str, body: Any, prompts: Any, caplog: pytest.LogCaptureFixture
) -> None:
    post(broker_with(log_prompts=True), path, body)
    assert line(caplog)["prompts"] == prompts


def test_a_detached_request_is_logged_when_it_is_ended() -> None:
    record, written = RequestRecord(detached=True), []
    record.answer_sent(lambda: written.append("line"))
    assert written == []
    record.end()
    assert written == ["line"]
    record.end()
    assert written == ["line"]


def test_a_detached_request_may_end_before_its_connection() -> None:
    record, written = RequestRecord(detached=True), []
    record.end()
    record.answer_sent(lambda: written.append("line"))
    assert written == ["line"]


@pytest.mark.parametrize(
    ("script", "body", "outcome"),
    [([Failed(500, "x")], COMPLETION, "failed"), ([], {"prompt": 5}, "refused")],
)
def test_a_failed_or_refused_request_has_that_outcome(
    script: Any, body: Any, outcome: str, caplog: pytest.LogCaptureFixture
) -> None:
    post(FakeBroker(script=script), "/v1/completions", body)
    assert line(caplog)["outcome"] == outcome
