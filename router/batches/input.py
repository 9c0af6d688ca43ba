"""Reads a batch's input: one request a line, each an object with ``custom_id``, ``method``, ``url`` and ``body``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO, TypeVar

import msgspec

from router.batches.records import InputLine
from router.http.bodies.json_structure import check_structure
from router.schemas.errors import ApiError
from router.schemas.shown import shown

MAX_LINES = 100_000
MAX_CUSTOM_ID_CHARS = 512
MAX_ERRORS = 100
"""Errors that are listed; the check ends there."""
SLICE_BYTES = 2 * 1024 * 1024
SLICE_LINES = 500
"""What :meth:`InputCheck.next_lines` reads at once, about."""
ENVELOPE_BYTES = 64 * 1024
"""What a line may have beside its body."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

T = TypeVar("T")


class LineError(Exception):
    """What is wrong with a line."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


class InputCheck:
    """Checks all lines of an input for this endpoint, slice by slice. ``errors`` has what was found so far."""

    def __init__(self, file: BinaryIO, endpoint: str, max_body_bytes: int, max_values: int) -> None:
        self.errors: list[dict[str, Any]] = []
        self._file = file
        self._endpoint = endpoint
        self._max_line_bytes = max_body_bytes + ENVELOPE_BYTES
        self._max_values = max_values
        self._line = 0
        self._custom_ids: set[str] = set()

    def next_lines(self) -> list[InputLine] | None:
        """The right lines of the next slice; None behind the last one, or if there are too many errors."""
        start = self._file.tell()
        lines: list[InputLine] = []
        for _ in range(SLICE_LINES):
            at_bytes = self._file.tell()
            if at_bytes - start > SLICE_BYTES or len(self.errors) >= MAX_ERRORS:
                break
            text = self._file.readline(self._max_line_bytes + 1)
            if not text:
                break
            self._line += 1
            self._take(lines, at_bytes, text)
        if lines or self._file.tell() > start:
            return lines
        if not self._custom_ids and not self.errors:
            self._note(LineError("empty_file", "input_file_id: expected a file with a request on each line, got none"))
        return None

    def _take(self, lines: list[InputLine], at_bytes: int, text: bytes) -> None:
        """Add a line to ``lines``, or what is wrong with it to the errors. Empty ones are left out."""
        if at_bytes == 0 and text.startswith(_BYTE_ORDER_MARK):
            at_bytes, text = len(_BYTE_ORDER_MARK), text[len(_BYTE_ORDER_MARK) :]
        if not text.strip():
            return
        try:
            if len(text) > self._max_line_bytes:
                self._skip_rest(text)
                message = f"line: expected at most {self._max_line_bytes} bytes, got more"
                raise LineError("line_too_long", message)
            if len(self._custom_ids) >= MAX_LINES:
                self._file.seek(0, 2)
                raise LineError("too_many_requests", f"lines: expected at most {MAX_LINES} requests, got more")
            custom_id = self._checked(text)
        except LineError as error:
            self._note(error)
            return
        lines.append(InputLine(self._line, custom_id, at_bytes, len(text)))

    def _checked(self, text: bytes) -> str:
        """The ``custom_id`` of a line that is right."""
        fields = _fields(text, self._max_values)
        custom_id = _text(fields, "custom_id")
        if not 0 < len(custom_id) <= MAX_CUSTOM_ID_CHARS:
            expected = f"expected 1 to {MAX_CUSTOM_ID_CHARS} characters"
            raise LineError("invalid_custom_id", f"custom_id: {expected}, got {shown(custom_id)}", "custom_id")
        if custom_id in self._custom_ids:
            message = f"custom_id: expected another one on each line, got {shown(custom_id)} again"
            raise LineError("duplicate_custom_id", message, "custom_id")
        method, url = _text(fields, "method"), _text(fields, "url")
        if method != "POST":
            raise LineError("invalid_method", f"method: expected POST, got {shown(method)}", "method")
        if url != self._endpoint:
            message = f"url: expected {self._endpoint}, the batch's endpoint, got {shown(url)}"
            raise LineError("mismatched_url", message, "url")
        body = fields.get("body")
        if body is None:
            raise LineError("missing_required_parameter", "body is required", "body")
        if not bytes(body).startswith(b"{"):
            raise LineError("invalid_body", f"body: expected an object, got {shown(_value(body))}", "body")
        self._custom_ids.add(custom_id)
        return custom_id

    def _skip_rest(self, text: bytes) -> None:
        while text and not text.endswith(b"\n"):
            text = self._file.readline(SLICE_BYTES)

    def _note(self, error: LineError) -> None:
        line = self._line if error.code != "empty_file" else None
        self.errors.append({"code": error.code, "line": line, "message": str(error), "param": error.param})


def read_bodies(file: BinaryIO, lines: list[InputLine]) -> list[bytes]:
    """The bodies of lines that were found right, as they stand in the file."""
    bodies = []
    for line in lines:
        file.seek(line.start_bytes)
        fields = msgspec.json.decode(file.read(line.size_bytes), type=dict[str, msgspec.Raw])
        bodies.append(bytes(fields["body"]))
    return bodies


def _fields(text: bytes, max_values: int) -> Mapping[str, msgspec.Raw]:
    try:
        check_structure(text, max_values)
        return msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except ApiError as error:
        raise LineError("invalid_json_line", str(error).replace("body:", "line:", 1)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"line: expected a JSON object, got {shown(text[:60].decode(errors='replace'))} ({error})"
        raise LineError("invalid_json_line", message) from None


def _text(fields: Mapping[str, msgspec.Raw], name: str) -> str:
    raw = fields.get(name)
    if raw is None:
        raise LineError("missing_required_parameter", f"{name} is required", name)
    value = _value(raw)
    if not isinstance(value, str):
        raise LineError(f"invalid_{name}", f"{name}: expected a string, got {shown(value)}", name)
    return value


def _value(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LineError("invalid_json_line", f"line: expected JSON in UTF-8, got an error ({error})") from None
