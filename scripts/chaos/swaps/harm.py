"""What was harmed when, and which failures of requests it excuses: those may be sent again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from scripts.chaos.record import EXCUSE_S, Record
from scripts.one_box.questions import Reply

NOTICED_S = 10.0
"""Time in which the server notices that a file is back: it looks every 5 s."""


@dataclass(slots=True)
class Span:
    """A time by the monotonic clock, which may not have ended yet."""

    begun_s: float
    ended_s: float = math.inf

    def touches(self, since_s: float, more_s: float) -> bool:
        """Whether it ended after ``since_s``, counted ``more_s`` longer."""
        return self.ended_s + more_s >= since_s


@dataclass(slots=True)
class Harm:
    """Implements the excuses of users."""

    record: Record
    down: list[Span] = field(default_factory=list)
    away: dict[str, list[Span]] = field(default_factory=dict)

    def of_break(self, started_at_s: float) -> str:
        """Why a connection that was in use since then may break."""
        if any(span.touches(started_at_s, EXCUSE_S) for span in self.down):
            return "the server was killed"
        return "the router was killed" if self.record.router_died_since(started_at_s) else ""

    def of_refusal(self, model: str, reply: Reply, started_at_s: float) -> str:
        """Why a request that began then may be answered by this error."""
        if "workers died while they had this request" in reply.refusal and self.record.workers_lost_since(started_at_s):
            return "its worker was killed"
        # A stream that has begun is told so by an event.
        status = 503 if reply.status == 200 and "its files are gone" in reply.refusal else reply.status
        gone = self.is_unknown(model, status, started_at_s)
        return "the model's file was away" if gone else ""

    def is_unknown(self, model: str, status: int, started_at_s: float) -> bool:
        """Whether a request that began then may be told that the model is not there, because its file was away."""
        spans = self.away.get(model, ())
        return status in (404, 503) and any(span.touches(started_at_s, NOTICED_S) for span in spans)
