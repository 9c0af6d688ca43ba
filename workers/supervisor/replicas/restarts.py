"""When a worker that ended is started again, and when to give up."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_DELAY_S = 0.2
MAX_DELAY_S = 1.0
HEALTHY_S = 30.0
MAX_FAILED_STARTS = 5


@dataclass(slots=True)
class RestartPolicy:
    """Doubles the delay between starts of one worker, and gives up after too many failed starts in a row.

    A start failed if the worker ended before it was ready. A worker that was ready for ``healthy_s`` resets the delay.
    """

    first_delay_s: float = FIRST_DELAY_S
    max_delay_s: float = MAX_DELAY_S
    healthy_s: float = HEALTHY_S
    max_failed_starts: int = MAX_FAILED_STARTS
    failed_starts: int = 0
    _exits: int = 0

    def next_delay_s(self, ready_s: float | None) -> float | None:
        """Return the delay before the next start, or None to give up.

        Args:
            ready_s: how long the worker that just ended had been ready; None if it never was.
        """
        self.failed_starts = self.failed_starts + 1 if ready_s is None else 0
        if self.failed_starts >= self.max_failed_starts:
            return None
        self._exits = 1 if ready_s is not None and ready_s >= self.healthy_s else self._exits + 1
        return float(min(self.first_delay_s * 2 ** min(self._exits - 1, 32), self.max_delay_s))
