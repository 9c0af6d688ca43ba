"""Ends a text before its first stop string."""

from __future__ import annotations


class StopFilter:
    """Passes text on, up to the stop string that is completed first.

    Text that could be the beginning of a stop string is held back until that is known. ``found`` is the stop string.
    """

    def __init__(self, stop: list[str]) -> None:
        self._stop = stop
        self._held = ""
        self.found: str | None = None

    @property
    def stopped(self) -> bool:
        """Whether a stop string was found."""
        return self.found is not None

    def push(self, text: str) -> str:
        """Add text; returns the text that is certainly before any stop string."""
        if self.stopped or not self._stop:
            return "" if self.stopped else text
        self._held += text
        found = [(at + len(stop), at, stop) for stop in self._stop if (at := self._held.find(stop)) >= 0]
        _, first, self.found = min(found, default=(0, -1, None))  # complete first, however the text was split
        cut = first if self.stopped else len(self._held) - max(_overlap(self._held, stop) for stop in self._stop)
        released, self._held = self._held[:cut], self._held[cut:]
        return released

    def flush(self) -> str:
        """End the text; returns what was held back, which is empty after a stop string."""
        held, self._held = self._held, ""
        return "" if self.stopped else held


def _overlap(text: str, stop: str) -> int:
    """The length of the longest suffix of ``text`` that is a proper prefix of ``stop``."""
    for length in range(min(len(stop) - 1, len(text)), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
