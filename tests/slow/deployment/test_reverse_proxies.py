"""nginx and Caddy before the server, with the settings that ``docs/reverse-proxies.md`` prints."""

from __future__ import annotations

import re
import ssl
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from shared.interpreter import CODE_FOLDER
from tests.support.proxies import running_proxy
from tests.support.proxies.running_proxy import NAME, Proxy
from tests.support.running_server import RunningServer, running, wait_until
from tests.support.tiny_sd import tiny_sd

WORDS = " ".join(f"word{number}" for number in range(40))
UPLOAD_LIMIT_BYTES = 100_000_000


@pytest.fixture(scope="module")
def slow_echo() -> Iterator[RunningServer]:
    """A server that takes half a second for each token, and knows its name and its proxy."""
    with running("echo@step_s=0.5", "--trusted-proxy", "127.0.0.1", "--allowed-host", NAME) as server:
        yield server


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxy(request: pytest.FixtureRequest, slow_echo: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp(request.param)
    with getattr(running_proxy, request.param)(slow_echo.port, folder) as started:
        yield started


@pytest.fixture
def client(proxy: Proxy) -> Iterator[httpx.Client]:
    with client_of(proxy) as opened:
        yield opened


def client_of(proxy: Proxy, source: str = "127.0.0.1") -> httpx.Client:
    """A client that trusts the proxy's authority, at an address of this machine."""
    trust = ssl.create_default_context(cafile=proxy.authority)
    transport = httpx.HTTPTransport(verify=trust, local_address=source)
    return httpx.Client(base_url=proxy.url, transport=transport, timeout=60.0)


@pytest.mark.parametrize(
    ("path", "media_type"),
    [("/v1/chat/completions", "text/event-stream"), ("/api/chat", "application/x-ndjson")],
)
def test_tokens_arrive_one_by_one(client: httpx.Client, slow_echo: RunningServer, path: str, media_type: str) -> None:
    body = {"model": "echo", "messages": [{"role": "user", "content": WORDS}], "stream": True}
    with client.stream("POST", path, json=body) as answer:
        assert answer.headers["content-type"].startswith(media_type)
        lines = (line for line in answer.iter_lines() if "word" in line)
        for number in range(3):
            assert f"word{number}" in next(lines)
            job = slow_echo.client.get(f"/v1/jobs/{answer.headers['X-Job-Id']}").json()
            assert job["tokens"] < len(WORDS.split()) / 2, "the first tokens came with the last ones"


def _users(server: RunningServer, request_id: str) -> list[str]:
    """The users whose request of this id the log has."""
    return re.findall(rf"^.* id={re.escape(request_id)} user=(\S+) .*$", server.output(), re.MULTILINE)


def test_users_are_told_apart_by_their_own_addresses(proxy: Proxy, slow_echo: RunningServer) -> None:
    for source in ("127.0.0.5", "127.0.0.6"):
        headers = {"X-Forwarded-For": "192.0.2.1", "X-Request-ID": f"from-{source}-{proxy.port}"}
        with client_of(proxy, source) as client:
            assert client.get("/v1/models", headers=headers).status_code == 200
        request_id = headers["X-Request-ID"]
        (user,) = wait_until(partial(_users, slow_echo, request_id), "the request is logged")
        assert user == source


def test_the_server_knows_that_clients_use_https(client: httpx.Client) -> None:
    assert client.get("/v1/server", headers={"X-Forwarded-Proto": "http"}).json()["https"] is True


@pytest.mark.parametrize(("size_bytes", "status"), [(99_000_000, 200), (UPLOAD_LIMIT_BYTES + 1_000_000, 413)])
def test_uploads_pass_up_to_the_servers_own_limit(client: httpx.Client, size_bytes: int, status: int) -> None:
    upload = {"file": ("big.jsonl", b"\n" * size_bytes)}
    answer = client.post("/v1/files", data={"purpose": "user_data"}, files=upload)
    assert answer.status_code == status, answer.text
    if status == 413:
        assert f"expected at most {UPLOAD_LIMIT_BYTES} bytes" in answer.json()["error"]["message"]
    else:
        assert client.delete(f"/v1/files/{answer.json()['id']}").status_code == 200


def test_the_name_of_the_site_is_taken_and_another_is_not(client: httpx.Client, proxy: Proxy) -> None:
    if "ca.pem" not in str(proxy.authority):
        pytest.skip("Caddy itself answers only to the name that it is given")
    assert client.get("/v1/models", headers={"Host": NAME}).status_code == 200
    refused = client.get("/v1/models", headers={"Host": "evil.example"})
    assert refused.status_code == 403
    assert "--allowed-host" in refused.json()["error"]["message"]


def test_nginx_speaks_http_2(slow_echo: RunningServer, tmp_path: Path) -> None:
    with running_proxy.nginx(slow_echo.port, tmp_path) as proxy:
        command = ["curl", "-s", "--http2", "--cacert", str(proxy.authority), "-o", "/dev/null"]
        told = ["-w", "%{http_version} %{http_code}", f"{proxy.url}/v1/models"]
        assert subprocess.run([*command, *told], capture_output=True, text=True, check=True).stdout == "2 200"


PICTURE = {"prompt": "a lighthouse", "width": 64, "height": 64, "sample_steps": 1, "response_format": "url"}
FALSE_WAY = {
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "666",
    "X-Forwarded-Prefix": "/evil",
    "Forwarded": "host=evil.example;proto=http",
}


@pytest.fixture(scope="module")
def painter() -> Iterator[RunningServer]:
    """A server that answers with URLs of pictures."""
    with running(str(tiny_sd()), "--trusted-proxy", "127.0.0.1", "--allowed-host", NAME) as server:
        yield server


def picture_url(client: httpx.Client, path: str) -> str:
    """The URL of a new picture, asked for by a client that lies about its way."""
    answer = client.post(path, json=PICTURE, headers=FALSE_WAY)
    assert answer.status_code == 200, answer.text
    url: str = answer.json()["data"][0]["url"]
    return url


@pytest.mark.parametrize("name", ["nginx", "caddy"])
def test_a_picture_has_the_proxys_url_whatever_the_client_says(
    painter: RunningServer, tmp_path: Path, name: str
) -> None:
    with getattr(running_proxy, name)(painter.port, tmp_path) as proxy, client_of(proxy) as client:
        url = picture_url(client, "/v1/txt2img")
        assert url.startswith(f"{proxy.url}/")
        assert "evil" not in url
        assert client.get(url).headers["content-type"] == "image/png"


def test_below_a_path_clients_pictures_and_the_page_find_their_way(painter: RunningServer, tmp_path: Path) -> None:
    with running_proxy.nginx(painter.port, tmp_path) as proxy, client_of(proxy) as client:
        url = picture_url(client, "/nexa/v1/txt2img")
        assert url.startswith(f"{proxy.url}/nexa/")
        assert client.get(url).headers["content-type"] == "image/png"
        if not (CODE_FOLDER / "router/web/built/index.html").exists():
            pytest.skip("the page is not built")
        page = client.get(f"{proxy.url}/nexa/")
        links = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
        assert len(links) >= 3
        for link in links:
            assert client.get(urljoin(str(page.url), link)).status_code == 200, link


def test_a_public_url_is_that_of_pictures_whatever_a_proxy_says(tmp_path: Path) -> None:
    options = ("--trusted-proxy", "127.0.0.1", "--public-url", f"https://{NAME}/nexa")
    with (
        running(str(tiny_sd()), *options) as server,
        running_proxy.nginx(server.port, tmp_path) as proxy,
        client_of(proxy) as client,
    ):
        assert picture_url(client, "/nexa/v1/txt2img").startswith(f"https://{NAME}/nexa/")
