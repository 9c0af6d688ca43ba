"""Web pages of other origins are refused unless the operator allows them."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.router.client import COMPLETION, ask, post
from tests.support.router.fake_broker import FakeBroker

PAGE = "https://chat.example:3000"
PREFLIGHT = {
    "Origin": PAGE,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


def broker_for(*origins: str, **settings: Any) -> FakeBroker:
    broker = FakeBroker()
    broker.settings = broker.settings.model_copy(update={"cors_origins": origins, **settings})
    return broker


def allowed(response: httpx.Response) -> str | None:
    origin: str | None = response.headers.get("Access-Control-Allow-Origin")
    return origin


def test_no_origin_is_allowed_by_default() -> None:
    assert allowed(post(FakeBroker(), "/v1/completions", COMPLETION, headers={"Origin": PAGE})) is None
    assert ask(FakeBroker(), "OPTIONS", "/v1/completions", headers=PREFLIGHT).status_code == 405


def test_a_preflight_request_needs_no_key() -> None:
    broker = broker_for(PAGE, api_key="secret")
    response = ask(broker, "OPTIONS", "/v1/completions", headers=PREFLIGHT)
    assert (response.status_code, allowed(response)) == (200, PAGE)
    assert "authorization" in response.headers["Access-Control-Allow-Headers"].lower()


def test_an_allowed_origin_can_read_answers_and_errors() -> None:
    broker = broker_for(PAGE, api_key="secret", max_body_bytes=100)
    key = {"Origin": PAGE, "Authorization": "Bearer secret"}
    answer = post(broker, "/v1/completions", COMPLETION, headers=key)
    assert (answer.status_code, allowed(answer)) == (200, PAGE)
    assert "X-Request-ID" in answer.headers["Access-Control-Expose-Headers"]
    for status, refused in (
        (401, post(broker, "/v1/completions", COMPLETION, headers={"Origin": PAGE})),
        (400, post(broker, "/v1/completions", {"prompt": 5}, headers=key)),
        (413, ask(broker, "POST", "/v1/completions", content=b"x" * 101, headers=key)),
        (404, ask(broker, "GET", "/none", headers=key)),
    ):
        assert (refused.status_code, allowed(refused)) == (status, PAGE)


def test_an_allowed_origin_can_read_unhandled_errors() -> None:
    broker = broker_for(PAGE)
    broker.refusal = RuntimeError("a defect")  # type: ignore[assignment]
    response = post(broker, "/v1/completions", COMPLETION, headers={"Origin": PAGE})
    assert (response.status_code, allowed(response)) == (500, PAGE)


def test_another_origin_is_not_allowed() -> None:
    headers = {**PREFLIGHT, "Origin": "https://evil.example"}
    response = ask(broker_for(PAGE), "OPTIONS", "/v1/completions", headers=headers)
    assert (response.status_code, allowed(response)) == (400, None)
