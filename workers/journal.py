"""The events that a worker has published for each job, kept until the router acknowledges the job's end.

PUB drops messages silently, so every event has a sequence number and can be replayed from here.
"""

from __future__ import annotations

from shared.wire.messages import Event
from shared.wire.payloads import Payload


class JobJournal:
    """The events of one worker's jobs, by job id."""

    def __init__(self) -> None:
        self._events: dict[str, list[Event]] = {}
        self._router_of: dict[str, str] = {}

    def open(self, job_id: str, router_id: str) -> bool:
        """Begin a job. Returns False if it has begun already."""
        if job_id in self._events:
            return False
        self._events[job_id] = []
        self._router_of[job_id] = router_id
        return True

    def record(self, job_id: str, payload: Payload) -> tuple[str, Event] | None:
        """Number an event. Returns the job's router id and the event, or None if the job was cancelled meanwhile."""
        events = self._events.get(job_id)
        if events is None:
            return None
        event = Event(job_id, len(events), payload)
        events.append(event)
        return self._router_of[job_id], event

    def since(self, job_id: str, first_seq: int) -> list[Event] | None:
        """The events of a job starting with ``first_seq``; None if the job is unknown."""
        events = self._events.get(job_id)
        return None if events is None else events[max(first_seq, 0) :]

    def router_of(self, job_id: str) -> str:
        """The router that gets a job's events; empty if the job is unknown."""
        return self._router_of.get(job_id, "")

    def take(self, job_id: str) -> list[Event]:
        """Forget a job; returns its events."""
        self._router_of.pop(job_id, None)
        return self._events.pop(job_id, [])

    def hand_over(self, job_id: str, router_id: str, events: list[Event] | None) -> None:
        """Make a job another router's. ``events`` are those of a job that had been taken out."""
        self._router_of[job_id] = router_id
        if events is not None:
            self._events[job_id] = events

    def forget(self, job_id: str) -> None:
        """Drop a job: its end was acknowledged, or it was cancelled."""
        self._events.pop(job_id, None)
        self._router_of.pop(job_id, None)

    def jobs_of_others(self, router_id: str) -> list[str]:
        """The jobs of other runs of the router than ``router_id``."""
        return [job_id for job_id, owner in self._router_of.items() if owner != router_id]

    def last_seqs(self) -> dict[str, int]:
        """The last sequence number of every kept job; -1 if nothing was published yet."""
        return {job_id: len(events) - 1 for job_id, events in self._events.items()}

    def __len__(self) -> int:
        return len(self._events)
