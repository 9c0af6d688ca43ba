"""Web pages of other origins are refused unless the operator allows them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

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
    broker.refusal = RuntimeError("a defect")
    response = post(broker, "/v1/completions", COMPLETION, headers={"Origin": PAGE})
    assert (response.status_code, allowed(response)) == (500, PAGE)


def test_another_origin_is_not_allowed() -> None:
    headers = {**PREFLIGHT, "Origin": "https://evil.example"}
    response = ask(broker_for(PAGE), "OPTIONS", "/v1/completions", headers=headers)
    assert (response.status_code, allowed(response)) == (400, None)


@pytest.mark.parametrize("origin", ["app://obsidian.md", "chrome-extension://abc", "tauri://localhost", "null"])
def test_pages_of_applications_are_allowed_by_their_origin(origin: str) -> None:
    broker = broker_for(origin)
    preflight = ask(broker, "OPTIONS", "/v1/completions", headers={**PREFLIGHT, "Origin": origin})
    assert (preflight.status_code, allowed(preflight)) == (200, origin)
    assert allowed(post(broker, "/v1/completions", COMPLETION, headers={"Origin": origin})) == origin


def test_a_pattern_allows_the_origins_that_it_stands_for() -> None:
    broker = broker_for("https://*.example.com")
    for origin, answered in (("https://chat.example.com", "https://chat.example.com"), ("https://example.com", None)):
        assert allowed(post(broker, "/v1/completions", COMPLETION, headers={"Origin": origin})) == answered


def test_a_pattern_allows_forms_of_the_origins_that_it_stands_for() -> None:
    for origin, status in (("https://chat.example.com", 200), ("https://example.com", 403)):
        headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
        form = {"data": {"prompt": "a"}, "files": {"image": ("a.png", b"no")}}
        assert (
            ask(broker_for("https://*.example.com"), "POST", "/v1/img2img", headers=headers, **form).status_code
            == status
        )


@pytest.mark.parametrize("network", ["Private-Network", "Local-Network"])
def test_an_allowed_origin_may_reach_this_network(network: str) -> None:
    for origin, status, answered in ((PAGE, 200, "true"), ("*", 200, "true"), ("https://a.example", 400, None)):
        headers = {**PREFLIGHT, f"Access-Control-Request-{network}": "true"}
        response = ask(broker_for(origin), "OPTIONS", "/v1/completions", headers=headers)
        assert (response.status_code, response.headers.get(f"Access-Control-Allow-{network}")) == (status, answered)


def test_head_is_allowed_to_other_origins() -> None:
    headers = {**PREFLIGHT, "Access-Control-Request-Method": "HEAD"}
    assert ask(broker_for(PAGE), "OPTIONS", "/v1/models", headers=headers).status_code == 200
