"""The jobs that another run of the router may go on with, and the events of those that have ended.

A router that dies leaves streams whose clients come back to the next one (``X-Resumable``). Their submissions have a
ticket, which the next router gets back.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from msgspec.structs import replace

from shared.wire.codec import MAX_FRAME_BYTES, encode
from shared.wire.jobs import TextJob
from shared.wire.messages import Event, Orphan, Step, Submit

MAX_RESUMABLE_EVENTS = 65_536
"""A job with more events is not handed to the next router."""
MAX_KEPT_BYTES = 64 * 1024 * 1024
"""Size of the events kept of ended jobs; beyond it the oldest job is forgotten."""
MAX_ORPHANS_BYTES = MAX_FRAME_BYTES // 2
"""Size of the submissions that are handed to the next router in one message; further jobs are cancelled."""


@dataclass(slots=True)
class _Kept:
    """The events of an ended job."""

    events: list[Event]
    size_bytes: int
    until_s: float


_NO_WORK = encode(TextJob(prompt=""))
"""The work of a job that has ended, since it is not run again."""


@dataclass(slots=True)
class ResumableJobs:
    """The submissions with a ticket of one worker, by job id."""

    _submits: dict[str, Submit] = field(default_factory=dict)
    _works: dict[str, bytes] = field(default_factory=dict)
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _kept_bytes: int = 0
    _counted: set[str] = field(default_factory=set)

    def open(self, submit: Submit, work: bytes) -> None:
        """Note a job with a ticket, and its packed work."""
        self._submits[submit.job_id], self._works[submit.job_id] = submit, work

    def has(self, job_id: str) -> bool:
        """Whether this job may be handed to the next router, which needs all of its events."""
        return job_id in self._submits

    def end(self, job_id: str, events: list[Event]) -> None:
        """Keep the events of a job whose end was acknowledged, if it has a ticket. It may be acknowledged again."""
        submit = self._submits.get(job_id)
        if submit is None or job_id in self._kept:
            return
        self._works[job_id] = _NO_WORK
        self._counted.add(job_id)
        kept = _Kept(events, len(encode(Step("", events))), time.monotonic() + submit.keep_s)
        self._kept[job_id] = kept
        self._kept_bytes += kept.size_bytes
        while self._kept_bytes > MAX_KEPT_BYTES:
            self.forget(next(iter(self._kept)))

    def claim(self, job_id: str, router_id: str) -> None:
        """Note that this router goes on with the job: it is no orphan any more."""
        submit = self._submits.get(job_id)
        if submit is not None and submit.router_id != router_id:
            self._submits[job_id] = replace(submit, router_id=router_id)

    def forget(self, job_id: str) -> None:
        """Drop a job."""
        self._submits.pop(job_id, None)
        self._works.pop(job_id, None)
        self._counted.discard(job_id)
        kept = self._kept.pop(job_id, None)
        if kept is not None:
            self._kept_bytes -= kept.size_bytes

    def expire(self) -> None:
        """Drop the events that were kept for long enough."""
        now_s = time.monotonic()
        for job_id in [job_id for job_id, kept in self._kept.items() if kept.until_s <= now_s]:
            self.forget(job_id)

    def orphans(self, router_id: str) -> list[tuple[Orphan, list[Event] | None]]:
        """The jobs of other routers than ``router_id``, as many as one message can hold.

        With each come its events if they are not in the journal any more. They are not kept here any longer.
        """
        found: list[tuple[Orphan, list[Event] | None]] = []
        size_bytes = 0
        for job_id, submit in list(self._submits.items()):
            if submit.router_id == router_id:
                continue
            orphan = Orphan(submit, self._works[job_id], job_id in self._counted)
            size_bytes += len(encode(orphan))
            if size_bytes > MAX_ORPHANS_BYTES:
                break
            kept = self._kept.pop(job_id, None)
            if kept is not None:
                self._kept_bytes -= kept.size_bytes
            found.append((orphan, None if kept is None else kept.events))
        return found
