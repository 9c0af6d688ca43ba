"""Server-sent events, whose bytes arrive in pieces."""

from __future__ import annotations

import pytest

from router.client.events import EventReader, StreamComment, StreamEvent

STREAM = (
    ': queued at position 3\nid: 1\ndata: {"a": "é\u2028"}\n\n'
    "event: error\r\ndata: one\r\ndata:  two\r\n\r\n"
    "id: 2\n\n: waiting\ndata: [DONE]\n\n"
).encode()
PARTS = [
    StreamComment("queued at position 3"),
    StreamEvent(1, "message", '{"a": "é\u2028"}'),
    StreamEvent(None, "error", "one\n two"),
    StreamComment("waiting"),
    StreamEvent(None, "message", "[DONE]"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_the_same_in_pieces_of_any_size(size: int) -> None:
    reader = EventReader()
    found = [part for at in range(0, len(STREAM), size) for part in reader.read(STREAM[at : at + size])]
    assert found == PARTS


def test_what_is_not_whole_is_no_event() -> None:
    assert EventReader().read(b"data: half") == []
    assert EventReader().read(b"data: half\n") == []
