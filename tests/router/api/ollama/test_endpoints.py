"""What all endpoints under ``/api`` have in common, and ``/`` on Ollama's port."""

from __future__ import annotations

import pytest

from shared.settings import ServerSettings
from tests.support.router.client import ask
from tests.support.router.fake_broker import MODEL, FakeBroker

BODY = '{"model": "smol", "prompt": "Hi", "stream": false}'


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "application/json", None])
def test_curl_need_not_say_that_it_sends_json(kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    answer = ask(FakeBroker(), "POST", "/api/generate", content=BODY, headers=headers)
    assert answer.json()["response"] == "Once upon"


@pytest.mark.parametrize("header", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_web_page_must_say_it(header: dict[str, str]) -> None:
    """Else browsers would send it to this server without asking whether they may."""
    answer = ask(FakeBroker(), "POST", "/api/generate", content=BODY, headers={"Content-Type": "text/plain", **header})
    assert answer.status_code == 400
    assert answer.json() == {"error": "Content-Type: expected application/json, got 'text/plain'"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/chat", 405), ("GET", "/api/none", 404), ("POST", "/api/tags", 405), ("POST", "/api/chat", 400)],
)
def test_all_errors_are_in_ollamas_shape(method: str, path: str, status: int) -> None:
    answer = ask(FakeBroker(), method, path)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert isinstance(answer.json()["error"], str)


def test_a_missing_key_is_in_ollamas_shape() -> None:
    broker = FakeBroker(settings=ServerSettings(models=(MODEL,), run_folder="", api_key="secret"))
    answer = ask(broker, "GET", "/api/tags")
    assert answer.status_code == 401
    assert answer.json() == {"error": "Authorization is required: Bearer <key>, with an API key of this server"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/create"),
        ("POST", "/api/push"),
        ("POST", "/api/blobs/sha256:ab"),
        ("HEAD", "/api/blobs/sha256:ab"),
        ("POST", "/api/me"),
        ("POST", "/api/experimental/web_search"),
    ],
)
def test_what_there_is_not_is_a_501(method: str, path: str) -> None:
    answer = ask(FakeBroker(), method, path, json={"model": "smol"})
    assert answer.status_code == 501
    if method == "POST":
        assert f"{path}': this server has no " in answer.json()["error"]
