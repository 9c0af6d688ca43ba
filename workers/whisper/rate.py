"""How many tokens are generated, and how fast at the moment."""

from __future__ import annotations

import time
from collections import deque

WINDOW_S = 10.0


class Rate:
    """Counts tokens; the rate is that over the last seconds, which hold a few steps of a speech model."""

    def __init__(self) -> None:
        self.total = 0
        self._started_s = time.monotonic()
        self._marks: deque[tuple[float, int]] = deque()

    def count(self, tokens: int) -> None:
        """So many more were generated just now."""
        self.total += tokens
        self._marks.append((time.monotonic(), tokens))
        self._forget_old()

    def per_s(self) -> float:
        """Tokens a second of late."""
        self._forget_old()
        span_s = min(WINDOW_S, time.monotonic() - self._started_s)
        return round(sum(tokens for _, tokens in self._marks) / span_s, 1) if span_s > 0 else 0.0

    def _forget_old(self) -> None:
        oldest_s = time.monotonic() - WINDOW_S
        while self._marks and self._marks[0][0] < oldest_s:
            self._marks.popleft()
