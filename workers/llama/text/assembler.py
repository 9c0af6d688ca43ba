"""Turns the bytes of a sequence's tokens into the text and tool calls that can be sent."""

from __future__ import annotations

import codecs

from shared.wire.payloads import ToolCallDelta
from workers.llama.chat.tool_parser import ToolCallParser
from workers.llama.text.stop_filter import StopFilter


class TextAssembler:
    """Collects a sequence's bytes and releases text as soon as it is final.

    Bytes of an incomplete UTF-8 character wait for the rest, and are left out if it never comes; invalid bytes become
    U+FFFD. ``tool_calls`` separates calls from content, if the job offers tools. Content then passes the stop strings.

    ``characters`` counts the whole characters of all tokens so far. ``unfinished`` are bytes of a character that began
    before the first token.
    """

    def __init__(self, stop: list[str], tool_calls: ToolCallParser | None = None, unfinished: bytes = b"") -> None:
        self.characters = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._decoder.decode(unfinished)
        self._stop = StopFilter(stop)
        self._tool_calls = tool_calls

    @property
    def stopped(self) -> bool:
        """Whether a stop string was found."""
        return self._stop.stopped

    @property
    def calls(self) -> int:
        """Tool calls begun so far."""
        return 0 if self._tool_calls is None else self._tool_calls.calls

    def push(self, piece: bytes) -> tuple[str, list[ToolCallDelta]]:
        """Add a token's bytes; returns the content and the parts of calls that may be sent now."""
        text = self._decoder.decode(piece)
        self.characters += len(text)
        if self._tool_calls is None:
            return self._stop.push(text), []
        content, deltas = self._tool_calls.feed(text)
        return self._stop.push(content), deltas

    def flush(self) -> str:
        """End the sequence; returns the content that was held back, up to a stop string."""
        content = "" if self._tool_calls is None else self._tool_calls.flush()
        return self._stop.push(content) + self._stop.flush()
