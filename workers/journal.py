"""The events that a worker has published for each job, kept until the router has them.

PUB drops messages silently, so every event has a sequence number and can be replayed from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.wire.messages import Event
from shared.wire.payloads import Payload


@dataclass(slots=True)
class _JobEvents:
    """A job's events from number ``first_seq`` on, and the router that gets them."""

    router_id: str
    first_seq: int = 0
    events: list[Event] = field(default_factory=list)

    @property
    def next_seq(self) -> int:
        return self.first_seq + len(self.events)


class JobJournal:
    """The events of one worker's jobs, by job id."""

    def __init__(self) -> None:
        self._jobs: dict[str, _JobEvents] = {}

    def open(self, job_id: str, router_id: str) -> bool:
        """Begin a job. Returns False if it has begun already."""
        if job_id in self._jobs:
            return False
        self._jobs[job_id] = _JobEvents(router_id)
        return True

    def record(self, job_id: str, payload: Payload) -> tuple[str, Event] | None:
        """Number an event. Returns the job's router id and the event, or None if the job was cancelled meanwhile."""
        job = self._jobs.get(job_id)
        if job is None:
            return None
        event = Event(job_id, job.first_seq + len(job.events), payload)
        job.events.append(event)
        return job.router_id, event

    def since(self, job_id: str, first_seq: int) -> list[Event] | None:
        """The events of a job starting with ``first_seq``; None if the job is unknown, or some are dropped already."""
        job = self._jobs.get(job_id)
        first_seq = max(first_seq, 0)
        return None if job is None or first_seq < job.first_seq else job.events[first_seq - job.first_seq :]

    def drop_before(self, job_id: str, seq: int) -> None:
        """Drop the events of a job before ``seq``: the router has them."""
        job = self._jobs.get(job_id)
        if job is not None and job.first_seq < seq <= job.next_seq:
            del job.events[: seq - job.first_seq]
            job.first_seq = seq

    def router_of(self, job_id: str) -> str:
        """The router that gets a job's events; empty if the job is unknown."""
        job = self._jobs.get(job_id)
        return "" if job is None else job.router_id

    def length(self, job_id: str) -> int:
        """The number of events kept of a job."""
        job = self._jobs.get(job_id)
        return 0 if job is None else len(job.events)

    def take(self, job_id: str) -> list[Event]:
        """Forget a job; returns its events."""
        job = self._jobs.pop(job_id, None)
        return [] if job is None else job.events

    def hand_over(self, job_id: str, router_id: str, events: list[Event] | None) -> None:
        """Make a job another router's. ``events`` are those of a job that had been taken out."""
        if events is not None:
            self._jobs[job_id] = _JobEvents(router_id, 0, events)
        else:
            self._jobs[job_id].router_id = router_id

    def forget(self, job_id: str) -> None:
        """Drop a job: its end was acknowledged, or it was cancelled."""
        self._jobs.pop(job_id, None)

    def jobs_of_others(self, router_id: str) -> list[str]:
        """The jobs of other runs of the router than ``router_id``."""
        return [job_id for job_id, job in self._jobs.items() if job.router_id != router_id]

    def last_seqs(self, router_id: str) -> dict[str, int]:
        """The last sequence number of every kept job of a router; -1 if nothing was published yet."""
        return {job_id: job.next_seq - 1 for job_id, job in self._jobs.items() if job.router_id == router_id}

    def __len__(self) -> int:
        return len(self._jobs)
