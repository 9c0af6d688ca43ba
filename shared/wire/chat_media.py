"""The parts of a chat's messages that are no text: each names a file of its job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


def media_parts(messages: Sequence[dict[str, Any]] | None) -> Iterator[dict[str, Any]]:
    """The pictures and recordings of a chat, in order: ``{"type": "image", "blob": int}``, or ``audio``."""
    for message in messages or ():
        content = message.get("content")
        if isinstance(content, list):
            yield from (part for part in content if "blob" in part)
