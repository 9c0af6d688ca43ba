"""Methods and paths: HEAD for every GET, 405 and 404, and hints at the path that was meant."""

from __future__ import annotations

import re

import httpx
import pytest

from router.api.families import PATHS
from router.http.path_hint import path_hint
from tests.support.router.client import ask
from tests.support.router.fake_broker import FakeBroker

GETS = sorted(path for path, methods in PATHS.items() if "GET" in methods)
PLAIN_GETS = [path for path in GETS if "{" not in path and not path.startswith("/web/")]
NAMED_GETS = [re.sub(r"\{.*?\}", "none", path) for path in GETS if "{" in path]
DOCUMENTATION = ["/docs", "/openapi.json", "/static-offline-docs/swagger-ui.css"]
CHANGING = {"x-request-id", "date"}


@pytest.mark.parametrize("path", [*PLAIN_GETS, *NAMED_GETS, *DOCUMENTATION, "/v1/models/smol"])
def test_head_has_the_headers_of_get_and_no_body(path: str) -> None:
    broker = FakeBroker()
    plain = {"Accept-Encoding": "identity"}
    got, head = (ask(broker, method, path, headers=plain) for method in ("GET", "HEAD"))
    assert head.status_code == got.status_code != 405
    headers = [{name: text for name, text in answer.headers.items() if name not in CHANGING} for answer in (got, head)]
    assert headers[0] == headers[1]
    assert head.headers["Content-Length"] == str(len(got.content)) != "0"
    assert head.content == b""


def test_the_server_lists_some_paths_with_get() -> None:
    assert {"/health", "/ready", "/metrics", "/v1/models", "/v1/workers", "/v1/jobs", "/v1/usage"} <= set(PLAIN_GETS)


def test_head_needs_the_key_that_get_needs() -> None:
    broker = FakeBroker()
    broker.settings = broker.settings.model_copy(update={"api_key": "secret"})
    assert ask(broker, "HEAD", "/v1/models").status_code == 401
    assert ask(broker, "HEAD", "/health").status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/health"), ("HEAD", "/v1/models"), ("GET", "/v1/models/smol"), ("POST", "/v1/chat/completions")],
)
def test_a_path_with_a_newline_at_its_end_is_no_other_name_of_one_without(method: str, path: str) -> None:
    response = ask(FakeBroker(), method, f"{path}%0A")
    assert response.status_code == 404
    if method != "HEAD":
        expected = f"there is no {method} '{path}\\n'; GET /docs lists the endpoints"
        assert response.json()["error"]["message"] == expected


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("HEAD", "/v1/completions", "POST"),
        ("GET", "/v1/chat/completions", "POST"),
        ("GET", "/v1/images/generations", "POST"),
        ("HEAD", "/v1/images/edits", "POST"),
        ("PUT", "/v1/models", "GET, HEAD"),
        ("POST", "/health", "GET, HEAD"),
        ("GET", "/v1/workers/echo/drain", "POST"),
    ],
)
def test_a_wrong_method_on_an_existing_path_is_405(method: str, path: str, allowed: str) -> None:
    response = ask(FakeBroker(), method, path)
    assert (response.status_code, response.headers["Allow"]) == (405, allowed)
    if method != "HEAD":
        expected = f"method: expected {allowed.replace(', ', ' or ')}, got {method} '{path}'"
        assert response.json()["error"]["message"] == expected


@pytest.mark.parametrize(
    ("path", "allowed"), [("/v1/images/generations", "POST"), ("/v1/models", "GET, HEAD"), ("/health", "GET, HEAD")]
)
def test_options_names_the_methods_of_a_path_and_needs_no_key(path: str, allowed: str) -> None:
    """SillyTavern looks in this way whether a server for images is there."""
    broker = FakeBroker()
    broker.settings = broker.settings.model_copy(update={"api_key": "secret"})
    response = ask(broker, "OPTIONS", path)
    assert (response.status_code, response.headers["Allow"], response.content) == (204, allowed, b"")


@pytest.mark.parametrize("path", ["/none", "/v1/jobs/none"])
def test_options_of_no_path_or_of_a_path_with_a_name_is_an_error(path: str) -> None:
    assert ask(FakeBroker(), "OPTIONS", path).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/v1/images/a.png"),
        ("POST", "/v1/models/none"),
        ("POST", "/v1/jobs/none"),
        ("GET", "/v1/chat"),
    ],
)
def test_a_path_that_does_not_exist_is_404(method: str, path: str) -> None:
    response = ask(FakeBroker(), method, path)
    assert response.status_code == 404
    assert "Allow" not in response.headers
    assert response.json()["error"]["message"] == f"there is no {method} '{path}'; GET /docs lists the endpoints"


@pytest.mark.parametrize(
    ("method", "path", "meant"),
    [
        ("POST", "//v1/chat/completions", "/v1/chat/completions"),
        ("POST", "/v1//chat/completions", "/v1/chat/completions"),
        ("POST", "/chat/completions", "/v1/chat/completions"),
        ("POST", "//chat/completions", "/v1/chat/completions"),
        ("POST", "/v1/v1/chat/completions", "/v1/chat/completions"),
        ("POST", "/openai/v1/audio/transcriptions", "/v1/audio/transcriptions"),
        ("POST", "/v1/chat/completion", "/v1/chat/completions"),
        ("POST", "/V1/Chat/Completions", "/v1/chat/completions"),
        ("GET", "/models", "/v1/models"),
        ("HEAD", "/models", "/v1/models"),
        ("GET", "/models/smol", "/v1/models/smol"),
        ("GET", "/v1/health", "/health"),
        ("DELETE", "/jobs/7", "/v1/jobs/7"),
    ],
)
def test_a_404_names_the_path_that_was_meant(method: str, path: str, meant: str) -> None:
    assert path_hint("GET" if method == "HEAD" else method, path, PATHS) == meant
    response = ask(FakeBroker(), method, f"http://nexa{path}")
    assert response.status_code == 404
    if method != "HEAD":
        message = f"there is no {method} '{path}'; did you mean {meant}? GET /docs lists the endpoints"
        assert response.json()["error"]["message"] == message


@pytest.mark.parametrize("prefix", ["", "/v1/v1", "/api/v1", "/openai/v1", "/nexa"])
def test_a_wrong_base_url_gets_a_hint_for_every_endpoint(prefix: str) -> None:
    rests = {path: path.removeprefix("/v1") for path in PATHS if path.startswith("/v1/") and "{" not in path}
    tried = {path: f"{prefix}{rest}" for path, rest in rests.items() if f"{prefix}{rest}" not in PATHS}
    assert len(tried) > 15
    hints = {path: path_hint(min(PATHS[path]), wrong, PATHS) for path, wrong in tried.items()}
    assert {path: hint for path, hint in hints.items() if hint not in (path, rests[path])} == {}


def test_a_long_path_gets_no_hint() -> None:
    """Comparing all of its ends would take seconds and a gigabyte."""
    prefix = "/a" * 100
    assert path_hint("GET", f"{prefix}/models", PATHS) == "/v1/models"
    assert path_hint("GET", f"{prefix * 100}/models", PATHS) is None


@pytest.mark.parametrize(
    ("method", "path", "location"),
    [
        ("POST", "/v1/chat/completions/", "../completions"),
        ("GET", "/health/", "../health"),
        ("GET", "/v1/usage/?by=day&key=a%20b", "../usage?by=day&key=a%20b"),
        ("GET", "/v1/jobs/a%3Fb/", "../a%3Fb"),
    ],
)
def test_a_slash_too_many_is_redirected_relatively(method: str, path: str, location: str) -> None:
    response = ask(FakeBroker(), method, path, headers={"Host": "inner:8000"})
    assert (response.status_code, response.headers["Location"]) == (307, location)
    outer = httpx.URL("https://ai.example/nexa").join(f"/nexa{path}").join(location)
    assert str(outer).partition("?")[0] == f"https://ai.example/nexa{path.partition('?')[0].rstrip('/')}"


@pytest.mark.parametrize("path", ["//", "/nothing/", "//evil.example/", "/v1/jobs//"])
def test_a_slash_too_many_on_no_path_is_404(path: str) -> None:
    assert ask(FakeBroker(), "GET", f"http://nexa{path}").status_code == 404
