import asyncio
import gzip

import httpx
import pytest

from router.api.page import family
from router.web.built import BuiltFile
from shared.settings import ServerSettings
from tests.support.router.client import app_of
from tests.support.router.fake_broker import MODEL, FakeBroker

PAGE = BuiltFile("index.html", b"<!doctype html>" + b"<p>nexa</p>" * 100)


@pytest.fixture(autouse=True)
def built_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(family, "_FILES", {PAGE.path: PAGE})


def get(
    path: str, port: int = 8000, method: str = "GET", headers: dict[str, str] | None = None, **options: object
) -> httpx.Response:
    settings = ServerSettings.model_validate({"models": (MODEL,), "run_folder": "", "api_key": "secret", **options})

    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app=app_of(FakeBroker(settings=settings)))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://nexa:{port}") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(go())


def test_the_page_needs_no_key_and_loads_nothing_from_elsewhere() -> None:
    answer = get("/")
    assert (answer.status_code, answer.content) == (200, PAGE.content)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"} <= set(policy)
    assert {"require-trusted-types-for 'script'", "trusted-types 'none'"} <= set(policy)
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_it_is_compressed_where_the_client_can_read_that() -> None:
    plain = get("/", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    packed = get("/", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) == len(gzip.compress(PAGE.content, 9)) < len(PAGE.content)


def test_a_browser_that_has_it_gets_it_not_again() -> None:
    again = get("/", headers={"If-None-Match": get("/").headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_head_has_no_body() -> None:
    answer = get("/", method="HEAD")
    assert (answer.status_code, answer.content) == (200, b"")


def test_without_a_page_there_is_none() -> None:
    assert get("/", no_page=True).json()["error"]["type"] == "not_found_error"


def test_a_page_that_was_not_built_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(family, "_FILES", {})
    answer = get("/")
    assert answer.status_code == 503
    assert "npm run build" in answer.json()["error"]["message"]


def test_the_front_is_ollamas_on_its_port_only() -> None:
    for no_page in (False, True):
        answer = get("/", port=11434, ollama_port=11434, no_page=no_page)
        assert (answer.status_code, answer.text) == (200, "Ollama is running")
        assert get("/", port=11434, method="HEAD", ollama_port=11434).status_code == 200
    assert get("/", port=8000, ollama_port=11434).content == PAGE.content
