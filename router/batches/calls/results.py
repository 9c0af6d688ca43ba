"""The lines of output and error files, in OpenAI's form."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass

from router.batches.records import InputLine
from router.http.json_text import json_text
from router.schemas.errors import ApiError

EXPIRED_CODE = "batch_expired"
EXPIRED = "This request could not be executed before the completion window expired."
CANCELLED_CODE = "batch_cancelled"
CANCELLED = "This request was not executed, because the batch was cancelled."


@dataclass(frozen=True, slots=True)
class LineAnswer:
    """What an endpoint has answered to a line. ``retry_after_s`` is its wish, if it has one."""

    status: int
    body: bytes
    is_json: bool
    request_id: str
    retry_after_s: float | None = None

    @classmethod
    def of_error(cls, error: ApiError, request_id: str) -> LineAnswer:
        """An answer that no endpoint has given."""
        return cls(error.status, json_text(error.body()).encode(), True, request_id)

    @property
    def is_error(self) -> bool:
        """Whether it belongs into the error file."""
        return not 200 <= self.status < 300


def answered(line: InputLine, answer: LineAnswer) -> bytes:
    """The line for an answer, without its end. The body is that of the endpoint, byte for byte if it is on one line."""
    body = answer.body if answer.is_json else json_text(answer.body.decode(errors="replace")).encode()
    if b"\n" in body or b"\r" in body:
        body = json_text(json.loads(body)).encode()
    head = json_text({"status_code": answer.status, "request_id": answer.request_id})[:-1].encode()
    return b'%s,"response":%s,"body":%s},"error":null}' % (_head(line), head, body or b"null")


def unanswered(line: InputLine, code: str, message: str) -> bytes:
    """The line for a request that was not run."""
    error = json_text({"code": code, "message": message}).encode()
    return b'%s,"response":null,"error":%s}' % (_head(line), error)


def _head(line: InputLine) -> bytes:
    return json_text({"id": f"batch_req_{secrets.token_hex(12)}", "custom_id": line.custom_id})[:-1].encode()
