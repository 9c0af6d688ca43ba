"""What happened in a run: faults, requests and violations."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

EXCUSE_S = 1.0
"""A connection that breaks within this time of a kill of the router broke because of it."""


@dataclass(slots=True)
class Record:
    """Filled by clients and faults. Instants are of the monotonic clock."""

    faults: Counter[str] = field(default_factory=Counter)
    skipped: dict[str, str] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    router_killed_at_s: list[float] = field(default_factory=list)
    worker_lost_at_s: list[float] = field(default_factory=list)
    longest_pause_s: float = 0.0
    longest_pause_of: str = ""

    def fault(self, kind: str) -> None:
        """Count an injected fault."""
        self.faults[kind] += 1

    def violation(self, what: str) -> None:
        """Add something that must not happen."""
        self.violations.append(what)

    def pause(self, seconds: float, request: str) -> None:
        """Add the time that a client waited for a part of its answer."""
        if seconds > self.longest_pause_s:
            self.longest_pause_s, self.longest_pause_of = seconds, request

    def router_died_since(self, started_at_s: float) -> bool:
        """Whether the router was killed since ``started_at_s``, which may break connections in use since then."""
        return any(started_at_s - EXCUSE_S <= killed_at_s for killed_at_s in self.router_killed_at_s)

    def workers_lost_since(self, started_at_s: float) -> int:
        """How many workers were killed or suspended since ``started_at_s``."""
        return sum(started_at_s - EXCUSE_S <= lost_at_s for lost_at_s in self.worker_lost_at_s)

    def now_s(self) -> float:
        """The monotonic clock, in seconds."""
        return time.monotonic()
