"""Which worker gets a job, and which jobs it preempts for it.

A job that may have killed a worker is tried. While it is on trial, its worker gets no other job. A suspect is tried
beside jobs that generate already; it becomes accused if the worker dies. An accused job is tried on a worker without
any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from router.jobs.blame.record import Doubt
from router.jobs.fairness.preemption import choose_victims
from router.jobs.job import Job, JobRequest
from router.jobs.limits import Priority
from router.jobs.workers.prefix import Cut
from router.jobs.workers.worker import Worker
from shared.kinds import spec_of

CHARACTERS_PER_JOB = 128
"""A cached prefix of this length makes up for one more job in a worker's load."""

MAX_JOBS_OFFSET = 4
"""Maximum number of jobs that a cached prefix makes up for, however long it is."""


class Placement(NamedTuple):
    """The workers that may get a job, at least one. With ``victims``, there is one, which preempts those jobs first."""

    workers: list[Worker]
    victims: list[Job]


def find_placement(request: JobRequest, workers: Sequence[Worker], has_running: bool) -> Placement | None:
    """Where a job for this request can go now; ``has_running`` says whether its user has jobs running on the model.

    A user with nothing running gets a free slot at once, by preempting jobs of a user with several if necessary.
    """
    workers = [worker for worker in workers if not worker.in_trial]
    if not spec_of(request.work).needs_slot:
        aside = [worker for worker in workers if worker.has_room_aside]
        return Placement(aside, []) if aside else None
    with_room = [worker for worker in workers if worker.has_room]
    if not has_running and request.priority is Priority.INTERACTIVE and spec_of(request.work).can_be_preempted:
        with_slot = [worker for worker in with_room if worker.has_slot]
        if with_slot:
            return Placement(with_slot, [])
        choice = choose_victims(workers)
        if choice is not None:
            worker, victims = choice
            return Placement([worker], victims)
    return Placement(with_room, []) if with_room else None


def find_trial(job: Job, workers: Sequence[Worker], has_running: bool) -> Placement | None:
    """Where a job in doubt can be tried now.

    If possible, an accused one gets a worker that all earlier jobs left with their last event: on another, one of them
    may still be computed.
    """
    if job.blame.doubt is Doubt.ACCUSED:
        empty = [worker for worker in workers if worker.has_room and not worker.jobs]
        clean = [worker for worker in empty if not worker.abandoned]
        return Placement(clean or empty, []) if empty else None
    ready = [worker for worker in workers if worker.ready]
    if sum(worker.in_trial for worker in ready) >= max(1, len(ready) // 2):
        return None  # the other half goes on for everybody else
    calm = [worker for worker in ready if not worker.beginning]
    placement = find_placement(job.request, calm, has_running)
    if placement is None or placement.victims or not spec_of(job.request.work).needs_slot:
        return placement
    with_slot = [worker for worker in placement.workers if worker.has_slot]
    return Placement(with_slot, []) if with_slot else None


def kept_free(job: Job, workers: Sequence[Worker]) -> Worker | None:
    """The worker that takes no new jobs because one in doubt waits, which it will be able to try first."""
    idle = [worker for worker in workers if worker.ready and not worker.in_trial]
    if job.blame.doubt is Doubt.ACCUSED:
        return min(idle, key=lambda worker: len(worker.jobs), default=None)
    if len(idle) < sum(worker.ready for worker in workers):
        return None  # it waits for a trial's end
    return min(idle, key=lambda worker: (worker.beginning, len(worker.jobs)), default=None)


def choose_worker(workers: Sequence[Worker], cuts: list[Cut]) -> Worker:
    """The least busy of ``workers`` (at least one). A cached prefix makes up for some of a worker's jobs."""

    def preference(worker: Worker) -> tuple[float, int]:
        cached = worker.prefixes.matched(cuts)
        load = len(worker.jobs) - min(cached / CHARACTERS_PER_JOB, MAX_JOBS_OFFSET)
        return load / max(worker.heartbeat.slots, 1), -cached

    return min(workers, key=preference)
