"""Which running jobs make room for a user who has nothing running.

Fairness in the queue alone is of no use to a user whose request comes when another one's long answers fill all slots.
Keeping a slot free for such a user would take a part of the machine away from whoever is there alone. So all slots are
given away, and jobs of a user who has several are put back when somebody comes who has none: such a job goes on later
from its last token, for which only a prefill is due that is mostly cached.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from router.jobs.job import Job
from router.jobs.limits import Priority
from router.jobs.workers.table import Worker
from shared.wire.jobs import TextJob

LEAST_SLOTS = 2
"""A worker with fewer slots finishes what it has: users take turns there job by job."""


def choose_victims(workers: Sequence[Worker]) -> tuple[Worker, list[Job]] | None:
    """The worker on which the fewest jobs must go so that one more finds a free slot at once, and those jobs.

    They are the youngest jobs of the user who has most, and of users who have several only; batch jobs go first. None
    where that does not do. Pictures and recordings are never interrupted: much of their work would be lost.
    """
    having = Counter(job.request.user for worker in workers for job in worker.jobs.values())
    plans = []
    for worker in workers:
        victims = _victims_on(worker, Counter(having))
        if victims:
            plans.append((worker, victims))
    return min(plans, key=lambda plan: len(plan[1]), default=None)


def _victims_on(worker: Worker, having: Counter[str]) -> list[Job]:
    slots = worker.heartbeat.slots
    if not worker.ready or worker.occupied or slots < LEAST_SLOTS:
        return []
    left = [job for job in worker.jobs.values() if isinstance(job.request.work, TextJob)]
    victims: list[Job] = []
    while len(worker.jobs) - len(victims) >= slots:
        several = [job for job in left if having[job.request.user] > 1]
        if not several:
            return []
        victim = max(several, key=lambda job: _readiness(job, having))
        left.remove(victim)
        having[victim.request.user] -= 1
        victims.append(victim)
    return victims


def _readiness(job: Job, having: Counter[str]) -> tuple[bool, int, float]:
    return job.request.priority is Priority.BATCH, having[job.request.user], job.dispatched_at_s or 0.0
