"""Times to the first token, and between tokens, of an interval: from jobs that run, and those that have just ended.

Nothing is counted per token: a look at the jobs every two seconds tells how far each has come since the last one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from router.http.request_record import FinishedRequest
from router.jobs.job import Job

MAX_ENDED = 5000
"""Jobs that may end within an interval; further ones are not looked at."""


@dataclass(slots=True)
class Latencies:
    """Seconds: ``ttft_s`` of the jobs whose first token came in the interval, ``itl_s`` the mean of each job."""

    ttft_s: list[float] = field(default_factory=list)
    itl_s: list[float] = field(default_factory=list)


class IntervalLatencies:
    """Gathers the latencies of intervals, by model."""

    def __init__(self, now_s: float) -> None:
        self._last_at_s = now_s
        self._seen: dict[Job, tuple[int, float]] = {}
        self._ended: list[Job] = []

    def finished(self, request: FinishedRequest) -> None:
        """Note the jobs of a request that has ended."""
        if len(self._ended) < MAX_ENDED:
            self._ended += request.record.jobs

    def take(self, jobs: Iterable[Job], now_s: float) -> dict[str, Latencies]:
        """The latencies since the last call, from the running ``jobs`` and those that have ended since."""
        found: defaultdict[str, Latencies] = defaultdict(Latencies)
        seen: dict[Job, tuple[int, float]] = {}
        for job in dict.fromkeys((*jobs, *self._ended)):
            first_at_s = job.first_token_at_s
            if first_at_s is None:
                continue
            latencies = found[job.request.model]
            if first_at_s > self._last_at_s:
                latencies.ttft_s.append(first_at_s - job.created_at_s)
            before = self._seen.get(job, (1, first_at_s))
            count, until_s = len(job.generated), job.ended_at_s or now_s
            if count > before[0] and until_s > before[1]:
                latencies.itl_s.append((until_s - before[1]) / (count - before[0]))
                before = count, until_s
            if not job.ended:
                seen[job] = before
        self._last_at_s, self._seen, self._ended = now_s, seen, []
        return dict(found)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that this ``share`` of all does not exceed (nearest rank); None without values."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
