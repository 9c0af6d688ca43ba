"""Pages as a browser shows them. Needs Debian's package ``chromium``."""

from __future__ import annotations

import contextlib
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.running_server import RunningServer
from tests.support.tiny_sd import tiny_sd


def page(url: str, profile: Path) -> str:
    """The page's elements once its scripts have run, in a browser that reaches no host but this one."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "chromium is missing: apt-get install chromium, or make test-slow as root"
    command = [
        chromium,
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--virtual-time-budget=20000",
        f"--user-data-dir={profile}",
        "--dump-dom",
        url,
    ]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return shown.stdout


def test_the_documentation_is_readable_without_the_internet(server: RunningServer, tmp_path: Path) -> None:
    shown = page(f"{server.url}/docs", tmp_path)
    for path in ("/v1/chat/completions", "/v1/function-calling", "/v1/audio/transcriptions", "/v1/txt2img"):
        assert f'data-path="{path}"' in shown, f"{path} is missing from the page"


PICTURE_PAGE = """<img src="{signed}"><img src="{bare}"><p></p><script>
const widths = () => [...document.images].map(image => image.naturalWidth).join();
onload = () => {{ document.querySelector("p").textContent = widths() }};
</script>"""


class IsolatedPages(http.server.SimpleHTTPRequestHandler):
    """Pages that show only what other origins let them show."""

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextlib.contextmanager
def another_origin(folder: Path) -> Iterator[str]:
    """A web server of that folder's pages; gives its URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(IsolatedPages, directory=folder)) as pages:
        thread = threading.Thread(target=pages.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{pages.server_port}"
        finally:
            pages.shutdown()
            thread.join()


@pytest.fixture
def locked_painter(tmp_path: Path) -> Iterator[RunningServer]:
    """An image server that needs a key."""
    server = RunningServer(str(tiny_sd()), "--api-key", "secret", "--output-folder", str(tmp_path / "images"))
    server.client.headers["Authorization"] = "Bearer secret"
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()


def test_a_page_of_another_origin_shows_a_picture_by_its_url(locked_painter: RunningServer, tmp_path: Path) -> None:
    body = {"prompt": "a cat", "size": "64x64", "sample_steps": 1, "response_format": "url"}
    (entry,) = locked_painter.post("/v1/images/generations", body)["data"]
    pages = tmp_path / "pages"
    pages.mkdir()
    bare = entry["url"].partition("?")[0]
    (pages / "index.html").write_text(PICTURE_PAGE.format(signed=entry["url"].replace("&", "&amp;"), bare=bare))
    with another_origin(pages) as url:
        assert "<p>64,0</p>" in page(url, tmp_path / "profile")
