"""Which worker gets a job, and which jobs it preempts for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

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


def choose_worker(workers: Sequence[Worker], cuts: list[Cut]) -> Worker:
    """The least busy of ``workers`` (at least one). A cached prefix makes up for some of a worker's jobs."""

    def preference(worker: Worker) -> tuple[float, int]:
        cached = worker.prefixes.matched(cuts)
        load = len(worker.jobs) - min(cached / CHARACTERS_PER_JOB, MAX_JOBS_OFFSET)
        return load / max(worker.heartbeat.slots, 1), -cached

    return min(workers, key=preference)
