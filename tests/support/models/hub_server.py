"""A model hub on 127.0.0.1: the part of the hub's HTTP protocol that pulling uses, with faults to switch on."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Request:
    """What a client asked for; ``sent_bytes`` counts the body that went out."""

    method: str
    path: str
    range: str | None
    authorization: str | None
    sent_bytes: int = 0


@dataclass
class FakeRepo:
    """Files by path. Those in ``plain`` are stored in git itself, the others in LFS (redirect, SHA-256)."""

    files: dict[str, bytes]
    plain: set[str] = field(default_factory=set)
    gated_for: str | None = None
    licence: str = "mit"


@dataclass
class HubServer:
    """State of the server; tests set the faults and read the requests."""

    url: str = ""
    repos: dict[str, FakeRepo] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    drop_after_bytes: int | None = None
    drops_left: int = 0
    down_after_drops: bool = False
    down: bool = False
    wrong_bytes: bool = False
    ignore_range: bool = False
    body_instead: bytes | None = None
    held: threading.Event | None = None
    """Half of a file is sent, and the rest when this is set."""

    def downloads(self) -> list[Request]:
        """Requests that asked for file contents."""
        return [request for request in self.requests if request.path.startswith("/cdn/") or request.sent_bytes]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: ClassVar[HubServer]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.request_log = Request(self.command, path, self.headers.get("Range"), self.headers.get("Authorization"))
        self.hub.requests.append(self.request_log)
        if self.hub.down:
            self._answer(503, {}, b"")
        elif self.hub.body_instead is not None:
            self._answer(200, {}, self.hub.body_instead)
        elif path.startswith("/api/models/"):
            self._info(path.removeprefix("/api/models/"))
        elif path.startswith("/cdn/"):
            self._cdn(path.removeprefix("/cdn/"))
        else:
            repo, _, rest = path[1:].partition("/resolve/")
            self._resolve(repo, rest.partition("/")[2])

    def _info(self, name: str) -> None:
        repo = self.hub.repos.get(name)
        if repo is None:
            self._answer(404, {"X-Error-Code": "RepoNotFound"}, b"{}")
            return
        siblings = [
            {"rfilename": path, "size": len(data), "blobId": _git_sha1(data)}
            | ({} if path in repo.plain else {"lfs": {"size": len(data), "sha256": _sha256(data), "pointerSize": 130}})
            for path, data in repo.files.items()
        ]
        info = {"id": name, "sha": COMMIT, "siblings": siblings, "cardData": {"license": repo.licence}}
        self._answer(200, {"Content-Type": "application/json"}, json.dumps(info).encode())

    def _resolve(self, name: str, path: str) -> None:
        repo = self.hub.repos.get(name)
        if repo is None or path not in repo.files:
            self._answer(404, {"X-Error-Code": "EntryNotFound"}, b"")
            return
        if repo.gated_for and self.headers.get("Authorization") != f"Bearer {repo.gated_for}":
            self._answer(401, {"X-Error-Code": "GatedRepo"}, b"")
            return
        data = repo.files[path]
        headers = {"X-Repo-Commit": COMMIT, "X-Linked-Size": str(len(data)), "X-Linked-Etag": f'"{_sha256(data)}"'}
        if path in repo.plain:
            self._send_file(data, {"ETag": f'"{_git_sha1(data)}"'})
        else:
            self._answer(302, headers | {"Location": f"{self.hub.url}/cdn/{_sha256(data)}"}, b"")

    def _cdn(self, sha256: str) -> None:
        for repo in self.hub.repos.values():
            for data in repo.files.values():
                if _sha256(data) == sha256:
                    self._send_file(data, {"ETag": f'"{sha256}"'})
                    return
        self._answer(404, {}, b"")

    def _send_file(self, data: bytes, headers: dict[str, str]) -> None:
        if self.hub.wrong_bytes:
            data = data[:-1] + bytes([data[-1] ^ 1])
        start = 0
        if self.request_log.range and not self.hub.ignore_range:
            start = int(self.request_log.range.removeprefix("bytes=").removesuffix("-"))
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self._answer(206 if start else 200, headers | {"Accept-Ranges": "bytes"}, data[start:])

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        hub = self.hub
        if hub.drop_after_bytes is not None and hub.drops_left and len(body) > hub.drop_after_bytes:
            body = body[: hub.drop_after_bytes]
            hub.drops_left -= 1
            hub.down = hub.down_after_drops and not hub.drops_left
            self.close_connection = True
        self.request_log.sent_bytes = len(body) if status in (200, 206) and not self.path.startswith("/api/") else 0
        if hub.held is not None and self.request_log.sent_bytes:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            hub.held.wait(60)
            body = body[len(body) // 2 :]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@contextmanager
def serve_hub(**repos: FakeRepo) -> Iterator[HubServer]:
    """Serve ``repos`` (``owner__name`` as keyword, ``owner/name`` on the wire) until the block ends."""
    hub = HubServer(repos={name.replace("__", "/"): repo for name, repo in repos.items()})
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _git_sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
