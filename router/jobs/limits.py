"""What one user may have at once, and whose work goes first."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Priority(StrEnum):
    """Interactive work goes before batch work, without starving it."""

    INTERACTIVE = "interactive"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class UserLimits:
    """The limits of one user's jobs; None does not limit. ``priority`` is the highest that the user's jobs may have."""

    max_running: int | None = None
    max_queued: int | None = None
    priority: Priority = Priority.INTERACTIVE


UNLIMITED = UserLimits()
