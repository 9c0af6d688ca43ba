"""A streamed answer that outlives its connections."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import httpx

from router.client.errors import (
    AnswerMalformed,
    ClientError,
    RequestRefused,
    ServerUnreachable,
    StreamLost,
    well_formed,
)
from router.client.events import DONE, EventReader, StreamComment, StreamEvent

RESUME_TIMEOUT_S = 60.0
"""How long a client tries to come back. The server keeps a stream for as long, unless its operator says otherwise."""

RETRY_INTERVAL_S = 0.5
MAX_ANSWER_BYTES = 64 * 1024**2
"""Longest answer that is read whole."""
_JOB_ID = re.compile(r"[\w-]{1,200}", re.ASCII)
_GOES_ON = 200
_HAS_ENDED = 204
_LATER = (502, 503, 504)
"""What a server or its proxy answers while its router starts again."""


class Sender(Protocol):
    """The part of :class:`router.client.connection.ServerClient` that a stream uses."""

    http: httpx.Client
    address: str

    def send(self, request: httpx.Request, stream: bool = False) -> httpx.Response:
        """Send a request; returns its answer, whatever its status."""

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON answer to any request."""


class AnswerStream:
    """The events of one answer. Iterate over it once; the request is sent then.

    After a lost connection a resumable stream goes on where it was, for up to ``RESUME_TIMEOUT_S`` of trying.
    ``job_id`` names the job, empty until the answer has begun.
    """

    def __init__(
        self, sender: Sender, request: httpx.Request, resumable: bool, on_notice: Callable[[str], None]
    ) -> None:
        self.job_id = ""
        self._sender = sender
        self._request = request
        self._resumable = resumable
        self._on_notice = on_notice
        self._last_id = 0
        self._ended = False

    def __iter__(self) -> Iterator[StreamEvent]:
        """The events up to the last one, without the mark of the end.

        Raises:
            ServerUnreachable: no server answers.
            RequestRefused: the server answered with an error, or the stream ended with one.
            StreamLost: the stream broke off, and the rest cannot be had.
            AnswerMalformed: it is not a stream of a nexa server.
        """
        response = self._begin()
        while True:
            try:
                yield from self._events(response)
            except httpx.TransportError as error:
                reason = str(error)
            except httpx.DecodingError as error:
                raise AnswerMalformed(f"the answer cannot be decoded: {error}") from None
            else:
                reason = "it ended too early"
            finally:
                response.close()
            if self._ended:
                return
            if not self._resumable or not self.job_id:
                raise StreamLost(f"the answer broke off: {reason}")
            resumed = self._resume(reason)
            if resumed is None:
                return
            response = resumed

    def cancel(self) -> None:
        """Stop the job on the server, if there is still one; a server that cannot be reached is left alone."""
        with contextlib.suppress(ClientError):
            job_id = self.job_id or self._find_job()
            if job_id and not self._ended:
                self._sender.ask("DELETE", f"/v1/jobs/{job_id}")

    def _begin(self) -> httpx.Response:
        response = self._sender.send(self._request, stream=True)
        self._refuse_errors(response)
        job_id = response.headers.get("X-Job-Id", "")
        self.job_id = job_id if _JOB_ID.fullmatch(job_id) else ""
        return response

    def _events(self, response: httpx.Response) -> Iterator[StreamEvent]:
        reader = EventReader()
        for arrived in response.iter_bytes():
            for part in reader.read(arrived):
                if isinstance(part, StreamComment):
                    self._on_notice(part.text)
                    continue
                self._last_id = part.id or self._last_id
                if part.data == DONE:
                    self._ended = True
                    return
                if part.kind == "error":
                    self._ended = True
                    raise _failure(part)
                yield part

    def _resume(self, reason: str) -> httpx.Response | None:
        """The rest of the stream, None if there is none."""
        self._on_notice("connection lost, trying again")
        give_up_at_s = time.monotonic() + RESUME_TIMEOUT_S
        while True:
            with contextlib.suppress(ServerUnreachable):
                response = self._sender.send(self._reading_on(), stream=True)
                if response.status_code == _HAS_ENDED:
                    response.close()
                    return None
                if response.status_code == _GOES_ON:
                    self._on_notice("connected again")
                    return response
                if response.status_code not in _LATER:
                    self._lose(response)
                response.close()
            if time.monotonic() > give_up_at_s:
                raise StreamLost(f"the answer broke off ({reason}), and the server did not come back")
            time.sleep(RETRY_INTERVAL_S)

    def _reading_on(self) -> httpx.Request:
        path, after = f"/v1/jobs/{self.job_id}/events", str(self._last_id)
        return self._sender.http.build_request("GET", path, headers={"Last-Event-ID": after})

    def _lose(self, response: httpx.Response) -> None:
        """Raise :class:`StreamLost` with what the server says of the stream."""
        try:
            self._refuse_errors(response)
        except RequestRefused as error:
            raise StreamLost(f"the answer broke off, and its rest is lost: {error}") from None

    def _refuse_errors(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        address = self._sender.address
        raise refusal(response.status_code, read_whole(response, address), address)

    def _find_job(self) -> str:
        """The id of the job of a request whose answer has not begun; empty if there is none."""
        wanted = self._request.headers["X-Request-ID"]
        rows = self._sender.ask("GET", "/v1/jobs")["data"]
        with well_formed():
            return next((str(row["id"]) for row in rows if row["request_id"] == wanted), "")


def read_whole(response: httpx.Response, address: str) -> bytes:
    """The body of an answer that does not stream, which is closed then.

    Raises:
        ServerUnreachable: it broke off.
        AnswerMalformed: it is too long, or cannot be decoded.
    """
    body = bytearray()
    try:
        for arrived in response.iter_bytes():
            body += arrived
            if len(body) > MAX_ANSWER_BYTES:
                raise AnswerMalformed(f"{address} answered with more than {MAX_ANSWER_BYTES} bytes")
    except httpx.DecodingError as error:
        raise AnswerMalformed(f"{address} answered what cannot be decoded: {error}") from None
    except httpx.TransportError as error:
        raise ServerUnreachable(f"no server answers at {address} ({error})") from None
    finally:
        response.close()
    return bytes(body)


def refusal(status: int, body: bytes, address: str) -> RequestRefused:
    """The error that an unsuccessful answer means, in the server's own words."""
    try:
        with well_formed():
            error = json.loads(body)["error"]
            message, code = str(error["message"]), str(error.get("code") or "")
    except AnswerMalformed:
        message, code = "not a nexa server, or a different version", ""
    return RequestRefused(f"{address} answered {status}: {message}", status, code)


def _failure(event: StreamEvent) -> RequestRefused:
    """The error that ended a stream."""
    try:
        with well_formed():
            error = event.json["error"]
            return RequestRefused(str(error["message"]), code=str(error.get("code") or ""))
    except AnswerMalformed:
        return RequestRefused("the server ended the answer with an error")
