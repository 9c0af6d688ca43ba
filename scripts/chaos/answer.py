"""A completion as its client saw it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Answer:
    """What a client has seen of an answer. ``first_at_s``: when the first event came, by the monotonic clock."""

    status: int = 0
    text: str = ""
    finish_reasons: int = 0
    completion_tokens: int | None = None
    ended: bool = False
    error: str = ""
    first_at_s: float = 0.0

    def add_event(self, data: bytes) -> None:
        """Add the data of one event of the stream."""
        if self.ended:
            self.error = f"data after [DONE]: {data[:100]!r}"
        elif data == b"[DONE]":
            self.ended = True
        else:
            self._add_chunk(json.loads(data))

    def _add_chunk(self, chunk: dict[str, Any]) -> None:
        if "error" in chunk:
            self.error = str(chunk["error"]["message"])
        for choice in chunk.get("choices", []):
            self.text += choice["text"]
            self.finish_reasons += choice["finish_reason"] is not None
        if chunk.get("usage"):
            self.completion_tokens = chunk["usage"]["completion_tokens"]
