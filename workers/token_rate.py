"""The tokens that an engine generates: their total and current rate."""

from __future__ import annotations

from collections import deque


class TokenRate:
    """Counts tokens by decode step. The rate covers the steps that ended within the last ``window_s`` seconds."""

    def __init__(self, window_s: float) -> None:
        self.total = 0
        self._window_s = window_s
        self._steps: deque[tuple[float, float, int]] = deque()

    def count(self, tokens: int, began_at_s: float, ended_at_s: float) -> None:
        """Add a step that generated ``tokens`` tokens; instants are monotonic."""
        self.total += tokens
        self._steps.append((began_at_s, ended_at_s, tokens))
        self._forget_before(ended_at_s - self._window_s)

    def per_s(self, at_s: float) -> float:
        """Tokens per second at a monotonic instant, counted since the first step in the window began."""
        self._forget_before(at_s - self._window_s)
        if not self._steps or at_s <= self._steps[0][0]:
            return 0.0
        return round(sum(tokens for _, _, tokens in self._steps) / (at_s - self._steps[0][0]), 1)

    def _forget_before(self, at_s: float) -> None:
        while self._steps and self._steps[0][1] < at_s:
            self._steps.popleft()
