"""Which jobs are accepted, and when a client that is refused should try again."""

from __future__ import annotations

import math
import time
from collections import deque

from router.jobs.fairness.queue import FairQueue
from router.jobs.job import JobRequest
from router.jobs.limits import UserTally
from router.schemas.errors import ApiError

MOST_RETRY_S = 3600
UNKNOWN_JOB_S = 1.0
"""What a job is taken to last while none has ended yet."""

REMEMBERED_ENDS = 64
RESERVED_PART = 8
"""Beyond the limit, users who have no job in the queue find one place for each so many that the limit allows."""


class Pace:
    """How fast one model's jobs get done: estimated cost a second, over the last ones, while there was work.

    The cost is what was estimated for the ended jobs, as the cost of those that wait is an estimate too: if all are
    estimated too high by the same factor, times come out right.
    """

    def __init__(self) -> None:
        self._ends: deque[tuple[float, float]] = deque()
        self._since_s: float | None = None
        self._known: float | None = None

    def begin(self) -> None:
        """There is work now, if there was none."""
        if self._since_s is None:
            self._since_s = time.monotonic()

    def note_end(self, cost: float) -> None:
        """A job of that estimated cost was done."""
        self._ends.append((time.monotonic(), cost))
        if len(self._ends) > REMEMBERED_ENDS:
            self._since_s, _ = self._ends.popleft()

    def rest(self) -> None:
        """There is no work now: the time until some comes does not count."""
        self._known = self._measured() or self._known
        self._ends.clear()
        self._since_s = None

    def seconds_for(self, cost: float, jobs: int) -> int:
        """How long so many jobs of that estimated cost in all will take, in whole seconds from 1 to an hour."""
        pace = self._measured() or self._known
        seconds = cost / pace if pace else jobs * UNKNOWN_JOB_S
        return min(max(1, math.ceil(seconds)), MOST_RETRY_S)

    def _measured(self) -> float | None:
        if not self._ends or self._since_s is None:
            return None
        passed_s = time.monotonic() - self._since_s
        return sum(cost for _, cost in self._ends) / passed_s if passed_s > 0 else None


def check_queue(queue: FairQueue, pace: Pace, limit: int, request: JobRequest) -> None:
    """Refuse a job for which the model's queue has no place.

    Raises:
        ApiError: 429, with ``Retry-After``: the time that all jobs in the queue will take.
    """
    waiting = len(queue)
    if waiting < limit:
        return
    if waiting < limit + limit // RESERVED_PART and not queue.has_waiting(request.user):
        return
    retry_s = pace.seconds_for(queue.waiting_cost(), waiting)
    message = f"{waiting} requests wait already, which is the limit; try again in about {retry_s} s"
    raise ApiError(429, message, None, "queue_full", {"Retry-After": str(retry_s)})


def check_user(queue: FairQueue, pace: Pace, tally: UserTally, request: JobRequest) -> None:
    """Refuse a job that has come into the queue though its user has as many there as the key allows.

    Raises:
        ApiError: 429, with ``Retry-After``: the time that this user's share of the queue will take.
    """
    most = request.limits.max_queued
    if most is None or tally.queued(request.user) <= most:
        return
    waiting = tally.queued(request.user) - 1
    cost = queue.waiting_cost(request.user) * queue.waiting_users()
    retry_s = pace.seconds_for(cost, waiting * queue.waiting_users())
    message = f"{waiting} of your requests wait, and your key's limit is queued={most}; try again in about {retry_s} s"
    raise ApiError(429, message, None, "user_queue_full", {"Retry-After": str(retry_s)})
