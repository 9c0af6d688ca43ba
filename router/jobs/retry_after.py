"""How fast a model's jobs get done, which decides when a refused client should try again."""

from __future__ import annotations

import math
import time
from collections import deque

MAX_RETRY_AFTER_S = 3600
DEFAULT_JOB_S = 1.0
"""Assumed duration of a job while none has ended yet."""

MAX_RECENT_ENDS = 64
"""The rate is that of this number of the latest jobs."""


class ServiceRate:
    """Estimated cost done per second, over one model's latest jobs. Time without work does not count.

    Ended jobs count by their estimates, because waiting jobs have only estimates: a systematic error cancels out.
    """

    def __init__(self) -> None:
        self._ends: deque[tuple[float, float]] = deque()
        self._window_began_at_s: float | None = None
        self._last_rate: float | None = None

    def resume(self) -> None:
        """Count time from now, because there is work. No effect if time counts already."""
        if self._window_began_at_s is None:
            self._window_began_at_s = time.monotonic()

    def add(self, cost: float) -> None:
        """Count a job of this estimated cost as done now."""
        self._ends.append((time.monotonic(), cost))
        if len(self._ends) > MAX_RECENT_ENDS:
            self._window_began_at_s, _ = self._ends.popleft()

    def pause(self) -> None:
        """Stop counting time until :meth:`resume`, because there is no work."""
        self._last_rate = self._measured() or self._last_rate
        self._ends.clear()
        self._window_began_at_s = None

    def seconds_for(self, cost: float, jobs: int) -> int:
        """Time that ``jobs`` jobs of this total estimated cost will take, in whole seconds from 1 to an hour."""
        rate = self._measured() or self._last_rate
        seconds = cost / rate if rate else jobs * DEFAULT_JOB_S
        return min(max(1, math.ceil(seconds)), MAX_RETRY_AFTER_S)

    def _measured(self) -> float | None:
        if not self._ends or self._window_began_at_s is None:
            return None
        elapsed_s = time.monotonic() - self._window_began_at_s
        return sum(cost for _, cost in self._ends) / elapsed_s if elapsed_s > 0 else None
