"""Input pictures from other hosts, here a server on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import router.images.fetching
from router.images.input import read_image
from router.schemas.errors import ApiError
from shared.settings import ServerSettings
from tests.support.requests.pictures import png

MAX_BYTES = 100_000


class PictureHost(ThreadingHTTPServer):
    """Serves a picture and hostile answers; ``asked`` are the requested paths."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.elsewhere = ""
        self.ending = threading.Event()

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: PictureHost

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        with contextlib.suppress(OSError):
            getattr(self, f"answer_{self.path.strip('/').replace('.', '_')}", self.answer_missing)()

    def answer_photo_png(self) -> None:
        self._head(200, {"Content-Length": str(len(png()))})
        self.wfile.write(png())

    def answer_missing(self) -> None:
        self._head(404)

    def answer_endless(self) -> None:
        self._head(200)
        while True:
            self.wfile.write(bytes(65_536))

    def answer_announced(self) -> None:
        self._head(200, {"Content-Length": str(10**12)})
        self.wfile.write(bytes(2 * MAX_BYTES))
        self.server.ending.wait(10)

    def answer_silent(self) -> None:
        self.server.ending.wait(10)

    def answer_dripping(self) -> None:
        self._head(200)
        while not self.server.ending.wait(0.01):
            self.wfile.write(b"x")

    def answer_cut(self) -> None:
        self._head(200, {"Content-Length": "1000"})
        self.wfile.write(b"x")

    def answer_bomb(self) -> None:
        self._head(200, {"Content-Encoding": "gzip"})
        self.wfile.write(gzip.compress(bytes(50_000_000)))

    def answer_elsewhere(self) -> None:
        self._head(302, {"Location": self.server.elsewhere})

    def answer_here(self) -> None:
        self._head(301, {"Location": "/photo.png"})

    def answer_round(self) -> None:
        self._head(302, {"Location": "/round"})

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""

    def _head(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()


@pytest.fixture
def host() -> Iterator[PictureHost]:
    with running() as server:
        yield server


@contextlib.contextmanager
def running() -> Iterator[PictureHost]:
    with PictureHost() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.ending.set()
            server.shutdown()
            thread.join(10)


def fetch(url: str, *allowed: str) -> bytes:
    settings = ServerSettings(models=(), run_folder="", image_hosts=allowed, max_upload_bytes=MAX_BYTES)
    return asyncio.run(read_image(url, "image_path", settings))


def refused(url: str, *allowed: str, status: int = 400) -> str:
    with pytest.raises(ApiError) as refusal:
        fetch(url, *allowed)
    assert refusal.value.status == status
    assert refusal.value.param == "image_path"
    assert str(refusal.value).startswith("image_path: ")
    return str(refusal.value)


def test_a_picture_is_fetched_from_an_allowed_host(host: PictureHost) -> None:
    assert fetch(f"http://{host.name}/photo.png", "example.org", host.name) == png()
    assert fetch(f"HTTP://{host.name}/photo.png#part", host.name) == png()
    assert host.headers[0]["accept-encoding"] == "identity"
    assert not {"authorization", "cookie"} & set(host.headers[0])


def test_host_names_are_case_insensitive(host: PictureHost) -> None:
    url = f"http://LocalHost:{host.server_port}/photo.png"
    assert fetch(url, f"LOCALHOST:{host.server_port}") == png()


@pytest.mark.parametrize(
    "allowed",
    [
        (),
        ("example.org",),
        ("127.0.0.1",),
        ("127.0.0.1:1",),
        ("0.0.1:{port}",),
        (".0.0.1:{port}",),
        ("*",),
        ("",),
        ("localhost:{port}",),
    ],
)
def test_a_host_that_is_not_allowed_gets_no_request(host: PictureHost, allowed: tuple[str, ...]) -> None:
    hosts = [entry.format(port=host.server_port) for entry in allowed]
    message = refused(f"http://{host.name}/photo.png", *hosts)
    assert f"--image-host {host.name}" in message
    assert host.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org@{name}/photo.png",
        "http://example.org:x@{name}/photo.png",
        "http://{name}\\@example.org/photo.png",
        "http://{name}#@example.org/",
        "http://{name}?@example.org/",
        "http://{name}/@example.org/",
        "http:{name}/photo.png",
        "http:///photo.png",
        "http://example.org:99999/",
        "http://example.org:0/",
        "http://[::1/",
        "http://exa mple.org/",
        "http://example.org.evil.test/",
        "https://",
    ],
)
def test_urls_that_only_seem_to_have_an_allowed_host_are_refused(host: PictureHost, url: str) -> None:
    assert "fetching" not in refused(url.format(name=host.name), "example.org")
    assert host.asked == []


def test_a_host_without_a_port_is_allowed_on_the_default_port(
    host: PictureHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "expected a URL of an allowed host" in refused(f"http://{host.name}/photo.png", "127.0.0.1")
    monkeypatch.setitem(router.images.fetching._DEFAULT_PORTS, "http", host.server_port)
    assert fetch(f"http://{host.name}/photo.png", "127.0.0.1") == png()


def test_a_url_with_a_user_name_is_refused(host: PictureHost) -> None:
    assert "without a user" in refused(f"http://me:secret@{host.name}/photo.png", host.name)


def test_a_redirect_on_the_same_host_is_followed(host: PictureHost) -> None:
    assert fetch(f"http://{host.name}/here", host.name) == png()


def test_a_redirect_is_followed_only_to_an_allowed_host(host: PictureHost) -> None:
    with running() as other:
        host.elsewhere = f"http://{other.name}/photo.png"
        assert f"--image-host {other.name}" in refused(f"http://{host.name}/elsewhere", host.name)
        assert other.asked == []
        assert fetch(f"http://{host.name}/elsewhere", host.name, other.name) == png()


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "//example.org/x", "http://[::1"])
def test_a_redirect_to_an_invalid_url_or_other_host_is_refused(host: PictureHost, target: str) -> None:
    host.elsewhere = target
    refused(f"http://{host.name}/elsewhere", host.name)


def test_a_redirect_loop_is_refused(host: PictureHost) -> None:
    assert "more than 3 redirects" in refused(f"http://{host.name}/round", host.name)
    assert len(host.asked) == 4


@pytest.mark.parametrize("path", ["endless", "announced"])
def test_reading_stops_at_the_size_limit(host: PictureHost, path: str) -> None:
    assert "at most 100000 bytes" in refused(f"http://{host.name}/{path}", host.name, status=413)


def test_a_compressed_body_is_refused(host: PictureHost) -> None:
    assert "no Content-Encoding, got 'gzip'" in refused(f"http://{host.name}/bomb", host.name)


@pytest.mark.parametrize("path", ["silent", "dripping"])
def test_a_slow_host_times_out(host: PictureHost, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(router.images.fetching, "FETCH_TIMEOUT_S", 0.3)
    assert "timed out after 0.3 s" in refused(f"http://{host.name}/{path}", host.name)


def test_other_failures_are_reported(host: PictureHost) -> None:
    assert "answered 404" in refused(f"http://{host.name}/missing.png", host.name)
    assert "fetching" in refused(f"http://{host.name}/cut", host.name)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert "fetching" in refused(f"http://127.0.0.1:{port}/", f"127.0.0.1:{port}")


def test_proxies_are_not_used(host: PictureHost, monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.name}")
        monkeypatch.setenv("all_proxy", f"http://{proxy.name}")
        assert fetch(f"http://{host.name}/photo.png", host.name) == png()
        assert proxy.asked == []
