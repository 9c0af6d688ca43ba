"""What happened in a run of chaos: faults, requests, and everything that must not have happened."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

EXCUSE_S = 1.0
"""A connection that breaks so soon after the router was killed, or so shortly before it is known, broke by that."""


@dataclass(slots=True)
class Record:
    """Filled in by clients and faults. Times are of the monotonic clock."""

    faults: Counter[str] = field(default_factory=Counter)
    skipped: dict[str, str] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    router_killed_at_s: list[float] = field(default_factory=list)
    worker_lost_at_s: list[float] = field(default_factory=list)
    longest_pause_s: float = 0.0
    longest_pause_of: str = ""

    def fault(self, kind: str) -> None:
        """Count a fault that was injected."""
        self.faults[kind] += 1

    def violation(self, what: str) -> None:
        """Note what must not happen."""
        self.violations.append(what)

    def pause(self, seconds: float, request: str) -> None:
        """Note how long a client saw nothing of its answer."""
        if seconds > self.longest_pause_s:
            self.longest_pause_s, self.longest_pause_of = seconds, request

    def router_died_since(self, started_at_s: float) -> bool:
        """Whether a connection that was used since then may be broken by the router's death."""
        return any(started_at_s - EXCUSE_S <= killed_at_s for killed_at_s in self.router_killed_at_s)

    def workers_lost_since(self, started_at_s: float) -> int:
        """How many workers were harmed since then."""
        return sum(started_at_s - EXCUSE_S <= lost_at_s for lost_at_s in self.worker_lost_at_s)

    def now(self) -> float:
        """The clock that all times here are of."""
        return time.monotonic()
