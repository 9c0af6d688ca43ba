"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), read as they arrive."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from router.client.errors import AnswerMalformed, well_formed

DONE = "[DONE]"
"""The data of the event that ends a stream."""

MAX_EVENT_BYTES = 256 * 1024**2
"""Longest event. The largest pictures are shorter."""
_MAX_ID_DIGITS = 18


@dataclass(frozen=True)
class StreamEvent:
    """One event; ``kind`` is ``message`` where the stream names none."""

    id: int | None
    kind: str
    data: str

    @property
    def json(self) -> Any:
        """The data, parsed.

        Raises:
            AnswerMalformed: it is not JSON.
        """
        with well_formed():
            return json.loads(self.data)


@dataclass(frozen=True)
class StreamComment:
    """A line that is no event, such as ``queued at position 3``."""

    text: str


class EventReader:
    """Turns the bytes of a stream into its events and comments; what is not yet whole waits for more bytes.

    Lines end only in line feeds: JSON may hold the other characters at which Python and httpx would split a text.
    """

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._fields: dict[str, list[str]] = {}
        self._held_bytes = 0

    def read(self, arrived: bytes) -> list[StreamEvent | StreamComment]:
        """The events and comments that end in ``arrived``.

        Raises:
            AnswerMalformed: an event is too long.
        """
        self._held_bytes += len(arrived)
        if self._held_bytes > MAX_EVENT_BYTES:
            raise AnswerMalformed(f"an event of the answer is longer than {MAX_EVENT_BYTES} bytes")
        self._rest.append(arrived)
        if b"\n" not in arrived:
            return []
        *lines, rest = b"".join(self._rest).split(b"\n")
        self._rest = [rest]
        found = []
        for line in lines:
            part = self._take(line.removesuffix(b"\r").decode("utf-8", "replace"))
            if part is not None:
                found.append(part)
        return found

    def _take(self, line: str) -> StreamEvent | StreamComment | None:
        if not line:
            return self._event()
        if line.startswith(":"):
            return StreamComment(line[1:].strip())
        name, _, value = line.partition(":")
        self._fields.setdefault(name, []).append(value.removeprefix(" "))
        return None

    def _event(self) -> StreamEvent | None:
        fields, self._fields = self._fields, {}
        self._held_bytes = 0
        if "data" not in fields:
            return None
        number = fields.get("id", [""])[-1]
        return StreamEvent(
            int(number) if number.isascii() and number.isdigit() and len(number) <= _MAX_ID_DIGITS else None,
            fields.get("event", ["message"])[-1],
            "\n".join(fields["data"]),
        )
