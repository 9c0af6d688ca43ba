"""Limits of one user's jobs, and priorities."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

BETWEEN_NAMES = ","
"""What stands between names of models; no name has one."""
MAX_MODEL_NAMES = 100
MAX_CONSUMERS = 1000
"""Users whose consumption is remembered; the least is forgotten first."""
FORGET_S = 300.0
"""After this time, half of what a user has consumed is forgotten."""
MAX_MODEL_NAME_LENGTH = 256


class Priority(StrEnum):
    """Interactive work goes before batch work, without starving it."""

    INTERACTIVE = "interactive"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class UserLimits:
    """The limits of one user's jobs; None means no limit. ``priority`` is the highest that they may have.

    ``models`` are names, as requests have them, of the models that the user may use (:func:`allowed_models`); they need
    not be served. ``tokens_per_day`` counts tokens of prompts and generated ones, of one day in UTC.
    """

    max_running: int | None = None
    max_queued: int | None = None
    priority: Priority = Priority.INTERACTIVE
    models: tuple[str, ...] | None = None
    tokens_per_day: int | None = None


UNLIMITED = UserLimits()


def lower_priority(requested: Priority, allowed: Priority) -> Priority:
    """The priority of a job: the lower of the one that its request asks for and the highest that its user may have."""
    return Priority.BATCH if Priority.BATCH in (requested, allowed) else Priority.INTERACTIVE


def model_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names of models to which a key is limited, each once.

    Raises:
        ValueError: there is none, there are too many, or one cannot be a name; the message says what was expected.
    """
    if not 1 <= len(names) <= MAX_MODEL_NAMES:
        raise ValueError(f"expected 1 to {MAX_MODEL_NAMES} names of models, got {len(names)}")
    for name in names:
        usable = name == name.strip() and name.isprintable() and BETWEEN_NAMES not in name
        if not usable or not 1 <= len(name) <= MAX_MODEL_NAME_LENGTH:
            expected = f"names of models, of 1 to {MAX_MODEL_NAME_LENGTH} characters without a comma"
            raise ValueError(f"expected {expected}, got {name[:MAX_MODEL_NAME_LENGTH]!r}")
    return tuple(dict.fromkeys(names))


class UserTally:
    """Counts each user's waiting and running jobs, and what they have cost lately, over all models."""

    def __init__(self) -> None:
        self._consumed: dict[str, tuple[float, float]] = {}
        self._queued: Counter[str] = Counter()
        self._running: Counter[str] = Counter()

    def queued(self, user: str) -> int:
        """The number of the user's jobs that wait, without those that follow another job of their request."""
        return self._queued.get(user, 0)

    def running(self, user: str) -> int:
        """The number of the user's jobs that workers have."""
        return self._running.get(user, 0)

    def consumed(self, user: str) -> float:
        """What the user's jobs have cost lately, in the unit of :mod:`shared.costs`: half of it is forgotten each time
        that ``FORGET_S`` has passed.
        """
        cost, noted_s = self._consumed.get(user, (0.0, 0.0))
        return float(cost * 0.5 ** ((time.monotonic() - noted_s) / FORGET_S))

    def charge(self, user: str, cost: float) -> None:
        """Add to what the user's jobs have cost."""
        if user not in self._consumed and len(self._consumed) >= MAX_CONSUMERS:
            self._consumed.pop(min(self._consumed, key=self.consumed))
        self._consumed[user] = self.consumed(user) + cost, time.monotonic()

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
