"""The parts of a chat's messages that are no text: each names a file of its job. And what these files may hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

MAX_PIXELS = 33_000_000
"""Of a picture. The router and the sandbox check it in the header, before any pixel is decoded."""

MAX_RATIO = 50
"""How many times as long as the other one side may be. Of longer pictures, some projectors make no whole patch."""

MIN_RECORDING_S, MAX_RECORDING_S = 0.1, 1800.0
"""How long recordings may be."""


def media_parts(messages: Sequence[dict[str, Any]] | None) -> Iterator[dict[str, Any]]:
    """The pictures and recordings of a chat, in order: ``{"type": "image", "blob": int}``, or ``audio``."""
    for message in messages or ():
        content = message.get("content")
        if isinstance(content, list):
            yield from (part for part in content if "blob" in part)
