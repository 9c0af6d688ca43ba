"""When workers count as hung, and how they are named and restarted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from shared.kinds import JobKind, max_step_s
from workers.supervisor.replicas.restarts import RestartPolicy


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """When a ready worker counts as hung, and how it is stopped and restarted.

    It hangs if no heartbeat came for ``silence_s`` or one step takes longer than ``busy_s``, which depends on the kind
    of job. A worker that is asked to stop is killed after ``stop_s``.
    """

    silence_s: float = 10.0
    busy_s: float = 60.0
    stop_s: float = 10.0
    restarts: Callable[[], RestartPolicy] = field(default=RestartPolicy)

    @classmethod
    def of(cls, kinds: Iterable[JobKind]) -> WorkerLimits:
        """The limits for a worker that serves ``kinds``."""
        return cls(busy_s=max_step_s(kinds))
