"""Which running jobs are preempted for a user with nothing running.

A fair queue does not help a user whose request arrives while another user's long answers fill all slots. Reserving a
slot would waste it whenever one user is alone. So all slots are used, and a user with several jobs loses one when a
user without any arrives. The preempted job resumes later from its last token, at the cost of a mostly cached prefill.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from router.jobs.job import Job
from router.jobs.limits import Priority
from router.jobs.workers.worker import Worker
from shared.kinds import spec_of

MIN_SLOTS = 2
"""Workers with fewer slots are not preempted: users take turns there, one job each."""


def choose_victims(workers: Sequence[Worker]) -> tuple[Worker, list[Job]] | None:
    """The worker that frees a slot with the fewest preemptions, and the jobs to preempt; None if no worker can.

    Only users with several jobs lose any. Batch jobs go first, then jobs of the user with the most, then the youngest.
    Pictures and recordings are never preempted, since much of their work would be lost.
    """
    jobs = [job for worker in workers for job in worker.jobs.values() if spec_of(job.request.work).needs_slot]
    job_counts = Counter(job.request.user for job in jobs)
    plans = []
    for worker in workers:
        victims = _victims_on(worker, Counter(job_counts))
        if victims:
            plans.append((worker, victims))
    return min(plans, key=lambda plan: len(plan[1]), default=None)


def _victims_on(worker: Worker, job_counts: Counter[str]) -> list[Job]:
    slots = worker.heartbeat.slots
    if not worker.ready or worker.occupied or slots < MIN_SLOTS:
        return []
    left = [job for job in worker.jobs.values() if _can_be_preempted(job)]
    victims: list[Job] = []
    while worker.slotted - len(victims) >= slots:
        candidates = [job for job in left if job_counts[job.request.user] > 1]
        if not candidates:
            return []
        victim = max(candidates, key=lambda job: _preference(job, job_counts))
        left.remove(victim)
        job_counts[victim.request.user] -= 1
        victims.append(victim)
    return victims


def _can_be_preempted(job: Job) -> bool:
    return spec_of(job.request.work).can_be_preempted and not job.request.lacks_files


def _preference(job: Job, job_counts: Counter[str]) -> tuple[bool, int, float]:
    return job.request.priority is Priority.BATCH, job_counts[job.request.user], job.dispatched_at_s or 0.0
