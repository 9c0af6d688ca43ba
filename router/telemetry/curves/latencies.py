"""Times to the first token, and between tokens, of an interval: from jobs that run, and those that have just ended.

Nothing is counted per token: a look at the jobs every two seconds tells how far each has come since the last one.
"""

from __future__ import annotations

import math
import time
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
    """Gathers the latencies of intervals, by model. It keeps no job: their uploads end with them."""

    def __init__(self, now_s: float) -> None:
        self._last_at_s = now_s
        self._seen: dict[str, tuple[int, float]] = {}
        self._found: defaultdict[str, Latencies] = defaultdict(Latencies)
        self._ended = 0

    def finished(self, request: FinishedRequest) -> None:
        """Count the jobs of a request that has ended."""
        if self._ended < MAX_ENDED:
            self._ended += len(request.record.jobs)
            for job in request.record.jobs:
                mark = self._count(job, time.monotonic())
                if mark is not None:  # it may still be among the running ones
                    self._seen[job.job_id] = mark

    def take(self, jobs: Iterable[Job], now_s: float) -> dict[str, Latencies]:
        """The latencies since the last call, from the running ``jobs`` and those that have ended since."""
        seen = {job.job_id: mark for job in jobs if (mark := self._count(job, now_s)) is not None}
        found = self._found
        self._last_at_s, self._seen, self._found, self._ended = now_s, seen, defaultdict(Latencies), 0
        return dict(found)

    def _count(self, job: Job, now_s: float) -> tuple[int, float] | None:
        """Add what the job has done since it was last looked at; returns how many tokens it has, and since when."""
        first_at_s = job.first_token_at_s
        if first_at_s is None:
            return None
        latencies = self._found[job.request.model]
        before = self._seen.get(job.job_id)
        if before is None and first_at_s > self._last_at_s:
            latencies.ttft_s.append(first_at_s - job.created_at_s)
        tokens, since_s = before or (1, first_at_s)
        count, until_s = len(job.generated), job.ended_at_s or now_s
        if count <= tokens or until_s <= since_s:
            return tokens, since_s
        latencies.itl_s.append((until_s - since_s) / (count - tokens))
        return count, until_s


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that this ``share`` of all does not exceed (nearest rank); None without values."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
