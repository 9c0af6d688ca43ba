"""What has become of the workers lately: each change of state, as operators see it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from router.jobs.workers.rows import WorkerRow
from shared.wire.supervision import ENDED_STATES, WorkerState

MAX_EVENTS = 200
"""Changes that are kept; the oldest go first."""


@dataclass(frozen=True, slots=True)
class WorkerEvent:
    """A worker's change of state.

    ``at_s`` is a time since the epoch. ``before`` is the state that it had for ``lasted_s``; both are None of a worker
    that this run of the router sees for the first time. ``detail`` says why a process has ended.
    """

    at_s: float
    worker: str
    model: str
    state: str
    before: str | None
    lasted_s: float | None
    detail: str


class WorkerHistory:
    """The latest changes, found by comparing rows."""

    def __init__(self) -> None:
        self._events: deque[WorkerEvent] = deque(maxlen=MAX_EVENTS)
        self._states: dict[str, tuple[str, float]] = {}

    def note(self, rows: Iterable[WorkerRow], now_s: float, at_s: float) -> None:
        """Compare the workers' states with those before. ``now_s`` is monotonic, ``at_s`` since the epoch."""
        for row in rows:
            before, since_s = self._states.get(row.name, (None, now_s))
            if row.state == before:
                continue
            self._states[row.name] = row.state, now_s
            ended = WorkerState(row.state) in ENDED_STATES
            lasted_s = None if before is None else now_s - since_s
            detail = row.detail if ended else ""
            self._events.append(WorkerEvent(at_s, row.name, row.model, row.state, before, lasted_s, detail))

    def between(self, after_s: float, until_s: float) -> list[WorkerEvent]:
        """The changes after one time and up to another, oldest first."""
        return [event for event in self._events if after_s < event.at_s <= until_s]
