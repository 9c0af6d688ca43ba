"""A client of a running server: requests, and streams that survive a lost connection."""

from __future__ import annotations

import json
import ssl
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import httpx

from router.client.errors import AddressInvalid, AnswerMalformed, RequestRefused, ServerUnreachable, well_formed
from router.client.stream import AnswerStream, read_whole, refusal

DEFAULT_URL = "http://127.0.0.1:8000"
KEY_VARIABLE = "NEXA_API_KEY"
"""Where commands find their key: all users of a machine can read the options of processes."""

URL_VARIABLE = "NEXA_URL"
"""Names the server that commands ask, unless ``--url`` does."""

CONNECT_TIMEOUT_S = 10.0

FormFiles = Mapping[str, tuple[str, IO[bytes]]]
"""Files of a form by the name of their field: their own names, and what they hold."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model as ``/v1/models`` describes it. ``kinds`` are those of the jobs that it serves."""

    name: str
    kinds: tuple[str, ...]
    ready: bool


class ServerClient:
    """A running server, at ``url`` or at the Unix socket ``socket_path``.

    ``ca_file`` is a certificate (PEM) that is trusted beside the usual ones; it need not exist. No proxy of the
    environment is used: a key must not go through one.

    Raises:
        AddressInvalid: ``url`` or ``key`` is of a form that no server has.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        key: str = "",
        *,
        socket_path: str | None = None,
        ca_file: Path | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        self.url = _checked_url(url)
        self.address = socket_path or self.url
        transport = httpx.HTTPTransport(uds=socket_path, verify=_trusted(self.url, ca_file))
        self.http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {_checked_key(key)}"} if key else {},
            timeout=httpx.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S),
            transport=transport,
        )

    def __enter__(self) -> ServerClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def get(self, path: str) -> Any:
        """The JSON answer to a GET.

        Raises:
            ServerUnreachable: no server answers.
            RequestRefused: the answer is an error, or not JSON.
        """
        return self.ask("GET", path)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON answer to any request.

        Raises:
            ServerUnreachable, RequestRefused: as :meth:`get`.
        """
        request = self.http.build_request(method, path, json=body)
        response = self.send(request, stream=True)
        answer = read_whole(response, self.address)
        if not response.is_success:
            raise refusal(response.status_code, answer, self.address)
        try:
            with well_formed():
                return json.loads(answer)
        except AnswerMalformed:
            raise refusal(response.status_code, answer, self.address) from None

    def send(self, request: httpx.Request, stream: bool = False) -> httpx.Response:
        """Send a request; returns its answer, whatever its status. With ``stream``, the body is still to be read.

        Raises:
            ServerUnreachable: no server answers.
        """
        try:
            return self.http.send(request, stream=stream)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServerUnreachable(f"no server answers at {self.address} ({error})") from None

    def stream(
        self,
        path: str,
        body: Mapping[str, Any],
        files: FormFiles | None = None,
        *,
        resumable: bool = True,
        on_notice: Callable[[str], None] = lambda _: None,
    ) -> AnswerStream:
        """A streamed answer, whose request is sent when it is read.

        ``body`` is sent as JSON, or with ``files`` as a form. A ``resumable`` answer goes on after a lost connection.
        ``on_notice`` is told what happens meanwhile, such as ``queued at position 3``.
        """
        fields = {**body, "stream": True}
        headers = {"X-Request-ID": uuid.uuid4().hex} | ({"X-Resumable": "true"} if resumable else {})
        if files is None:
            request = self.http.build_request("POST", path, json=fields, headers=headers)
        else:
            texts = {name: value if isinstance(value, str) else _form_text(value) for name, value in fields.items()}
            request = self.http.build_request("POST", path, data=texts, files=dict(files), headers=headers)
        return AnswerStream(self, request, resumable, on_notice)

    def models(self, kind: str = "") -> list[ModelFacts]:
        """The models, all or of one kind of job; the server's default comes first.

        Raises:
            ServerUnreachable, RequestRefused: as :meth:`get`.
        """
        answer = self.get("/v1/models" + (f"?kind={kind}" if kind else ""))
        try:
            with well_formed():
                return [ModelFacts(str(row["id"]), tuple(row["kinds"]), bool(row["ready"])) for row in answer["data"]]
        except AnswerMalformed:
            raise RequestRefused(f"{self.address} is not a nexa server, or of a different version") from None


def _checked_url(url: str) -> str:
    """The URL without a slash at its end."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        parsed = httpx.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise AddressInvalid(f"url: expected one such as {DEFAULT_URL}, got {url!r}")
    return url.rstrip("/")


def _checked_key(key: str) -> str:
    """The key without blanks at its ends, such as the line end of a file."""
    key = key.strip()
    if not (key.isascii() and key.isprintable()):
        raise AddressInvalid("key: expected printable ASCII characters, got others")
    return key


def _form_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _trusted(url: str, ca_file: Path | None) -> ssl.SSLContext | bool:
    """What checks the server's certificate. It is made only where one comes: it takes a while."""
    if not url.lower().startswith("https:"):
        return True
    context = httpx.create_ssl_context()
    if ca_file is not None and ca_file.exists():
        context.load_verify_locations(ca_file)
    return context
