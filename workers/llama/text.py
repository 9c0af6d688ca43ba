"""From token bytes to what can be sent: whole characters, and never a piece of a stop word."""

from __future__ import annotations

import codecs

from shared.wire.payloads import ToolCallDelta
from workers.llama.chat.tool_calls import ToolCallParser


class TextAssembler:
    """Collects a sequence's bytes and releases text as soon as it is final.

    Bytes of an incomplete UTF-8 character wait for the rest; invalid bytes become U+FFFD. Function calls are told from
    words by ``tool_calls``. Words that could be the beginning of a stop word wait until they are one or are not.
    """

    def __init__(self, stop: list[str], tool_calls: ToolCallParser | None = None) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = StopFilter(stop)
        self._tool_calls = tool_calls

    @property
    def stopped(self) -> bool:
        """Whether a stop word has come up."""
        return self._stop.stopped

    @property
    def calls(self) -> int:
        """Function calls that have begun."""
        return 0 if self._tool_calls is None else self._tool_calls.calls

    def push(self, piece: bytes) -> tuple[str, list[ToolCallDelta]]:
        """Add a token's bytes; returns the words and the pieces of calls that may be sent now."""
        text = self._decoder.decode(piece)
        if self._tool_calls is None:
            return self._stop.push(text), []
        words, deltas = self._tool_calls.feed(text)
        return self._stop.push(words), deltas

    def flush(self) -> str:
        """The sequence has ended: the words that were still held back, unless a stop word cut them off."""
        words = self._decoder.decode(b"", final=True)
        if self._tool_calls is not None:
            words = self._tool_calls.feed(words)[0] + self._tool_calls.flush()
        return self._stop.push(words) + self._stop.flush()


class StopFilter:
    """Passes text on up to the stop word that is complete first."""

    def __init__(self, stop: list[str]) -> None:
        self._stop = stop
        self._held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        """Add text; returns what certainly comes before any stop word."""
        if self.stopped or not self._stop:
            return "" if self.stopped else text
        self._held += text
        found = [(at + len(word), at) for word in self._stop if (at := self._held.find(word)) >= 0]
        _, first = min(found, default=(0, -1))  # the one that is complete first, however the text was split
        self.stopped = first >= 0
        cut = first if self.stopped else len(self._held) - max(_overlap(self._held, word) for word in self._stop)
        released, self._held = self._held[:cut], self._held[cut:]
        return released

    def flush(self) -> str:
        """The end: what was held back, unless it began with a stop word."""
        held, self._held = self._held, ""
        return "" if self.stopped else held


def _overlap(text: str, word: str) -> int:
    """The length of the longest end of ``text`` that is a proper beginning of ``word``."""
    for length in range(min(len(word) - 1, len(text)), 0, -1):
        if text.endswith(word[:length]):
            return length
    return 0
