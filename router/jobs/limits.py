"""Limits of one user's jobs, and priorities."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum


class Priority(StrEnum):
    """Interactive work goes before batch work, without starving it."""

    INTERACTIVE = "interactive"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class UserLimits:
    """The limits of one user's jobs; None means no limit. ``priority`` is the highest that they may have."""

    max_running: int | None = None
    max_queued: int | None = None
    priority: Priority = Priority.INTERACTIVE


UNLIMITED = UserLimits()


def lower_priority(requested: Priority, allowed: Priority) -> Priority:
    """The priority of a job: the lower of the one that its request asks for and the highest that its user may have."""
    return Priority.BATCH if Priority.BATCH in (requested, allowed) else Priority.INTERACTIVE


class UserTally:
    """Counts each user's waiting and running jobs, over all models."""

    def __init__(self) -> None:
        self._queued: Counter[str] = Counter()
        self._running: Counter[str] = Counter()

    def queued(self, user: str) -> int:
        """The number of the user's jobs that wait, without those that follow another job of their request."""
        return self._queued.get(user, 0)

    def running(self, user: str) -> int:
        """The number of the user's jobs that workers have."""
        return self._running.get(user, 0)

    def may_run(self, user: str, limits: UserLimits) -> bool:
        """Whether one more job of this user may run."""
        return limits.max_running is None or self.running(user) < limits.max_running

    def change(self, user: str, queued: int = 0, running: int = 0) -> None:
        """Add to the user's counts; negative numbers subtract."""
        for counter, change in ((self._queued, queued), (self._running, running)):
            if change:
                counter[user] += change
                if not counter[user]:
                    del counter[user]
