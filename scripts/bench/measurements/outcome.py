"""One request as its client saw it, read from the answers of OpenAI-compatible servers."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Outcome:
    """The instants of a request (monotonic clock, seconds), its text and its tokens.

    ``arrived_at_s`` are the instants of the chunks with text. ``tokens`` comes from the answer's ``usage``, or from
    counting chunks if a stream has no usage; ``counted_by`` says which.
    """

    sent_at_s: float
    arrived_at_s: list[float] = field(default_factory=list)
    ended_at_s: float = 0.0
    text: str = ""
    tokens: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    counted_by: str = "chunks"
    message: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def ttft_s(self) -> float:
        """Seconds to the first text."""
        return self.arrived_at_s[0] - self.sent_at_s

    @property
    def answer_s(self) -> float:
        """Seconds to the end of the answer."""
        return self.ended_at_s - self.sent_at_s

    @property
    def gaps_s(self) -> list[float]:
        """The seconds between chunks with text."""
        return [b - a for a, b in itertools.pairwise(self.arrived_at_s)]

    def read_line(self, line: bytes) -> None:
        """Read one line of a stream of server-sent events. Raises ``ValueError`` for invalid JSON."""
        if line.startswith(b"data: {"):
            self._read_chunk(json.loads(line[6:]))
        elif line.startswith(b"event: error"):
            self.error = self.error or "an error event"

    def read_answer(self, answer: dict[str, Any]) -> None:
        """Read an answer that was not streamed. Raises ``KeyError`` if it is no chat completion."""
        self.message = answer["choices"][0]["message"]
        self.arrived_at_s.append(time.monotonic())
        self._read_usage(answer)

    def _read_chunk(self, chunk: dict[str, Any]) -> None:
        if chunk.get("error"):
            self.error = str(chunk["error"])[:200]
        for choice in chunk.get("choices", ()):
            content = choice.get("delta", {}).get("content")
            if content:
                self.arrived_at_s.append(time.monotonic())
                self.text += content
                if self.counted_by == "chunks":
                    self.tokens += 1
        self._read_usage(chunk)

    def _read_usage(self, answer: dict[str, Any]) -> None:
        usage = answer.get("usage")
        if usage:
            self.counted_by = "usage"
            self.tokens = usage["completion_tokens"]
            self.prompt_tokens = usage["prompt_tokens"]
            self.cached_tokens = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
