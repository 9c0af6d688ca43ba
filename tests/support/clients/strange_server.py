"""A server that is no nexa server, or means ill."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

MODELS = {"data": [{"id": "m", "kinds": ["text", "speech", "image"], "ready": True}]}


@contextmanager
def strange_server(
    body: bytes, headers: Mapping[str, str] | None = None, status: int = 200, models: Any = MODELS
) -> Iterator[str]:
    """The URL of a server that answers all POSTs with ``body``, and GETs with ``models``."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, {}, models if isinstance(models, bytes) else json.dumps(models).encode())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer(status, headers or {}, body)

        def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def events(*data: Any) -> bytes:
    """A stream of events that ends; bytes stand as they are."""
    texts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in (*data, b"[DONE]")]
    return b"".join(b"data: " + text + b"\n\n" for text in texts)
