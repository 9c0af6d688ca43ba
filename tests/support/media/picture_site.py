"""A host of pictures on this machine, which may send clients elsewhere."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class PictureSite(ThreadingHTTPServer):
    """Serves ``files``, and redirects the paths of ``redirects``. ``asked_paths`` are those that were asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _SiteHandler)
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.asked_paths: list[str] = []

    @property
    def host(self) -> str:
        """Its name with its port."""
        return f"127.0.0.1:{self.server_port}"


class _SiteHandler(BaseHTTPRequestHandler):
    server: PictureSite

    def do_GET(self) -> None:
        self.server.asked_paths.append(self.path)
        target, data = self.server.redirects.get(self.path), self.server.files.get(self.path)
        self.send_response(302 if target else 200 if data is not None else 404)
        if target:
            self.send_header("Location", target)
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@contextlib.contextmanager
def picture_site() -> Iterator[PictureSite]:
    """A site for the time of a ``with`` block."""
    with PictureSite() as site:
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join(10)
