"""How the lines of a streamed answer reach a client, apart from what they say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """The media type of a stream, and what is sent while there is nothing to send.

    ``keep_alive`` is sent after a silence, ``position`` tells the place in the queue (``{position}``), ``loading`` how
    much (``{percent}``) of the ``{model}`` is loaded. Each is empty if clients would take it for a part of the answer.
    """

    media_type: str
    keep_alive: str = ""
    position: str = ""
    loading: str = ""


def comment(text: str) -> str:
    """A line of an event stream that clients skip, wherever it stands between events."""
    return f": {text}\n"


QUEUED = comment("queued at position {position}")
LOADING = comment("loading {model} {percent} %")

EVENTS = StreamFormat("text/event-stream; charset=utf-8", comment("waiting"), QUEUED, LOADING)
"""Server-sent events, with comments in between."""

JSON_LINES = StreamFormat("application/x-ndjson")
"""A JSON object in each line. Clients read each line as one, so nothing else can be sent."""
