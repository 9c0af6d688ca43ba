"""Which jobs are accepted, and when a client that is refused should try again."""

from __future__ import annotations

from router.jobs.fairness.queue import FairQueue
from router.jobs.job import JobRequest
from router.jobs.limits import UserTally
from router.jobs.refusals import RefusalReason, Refused
from router.jobs.service_rate import ServiceRate

RESERVED_PART = 8
"""Beyond the limit, users who have no job in the queue find one place for each so many that the limit allows."""


def check_queue(queue: FairQueue, rate: ServiceRate, limit: int, request: JobRequest) -> None:
    """Refuse a job for which the model's queue has no place.

    Raises:
        Refused: with the time that all jobs in the queue will take.
    """
    waiting = len(queue)
    if waiting < limit:
        return
    if waiting < limit + limit // RESERVED_PART and not queue.has_waiting(request.user):
        return
    retry_s = rate.seconds_for(queue.waiting_cost(), waiting)
    message = f"{waiting} requests wait already, which is the limit; try again in about {retry_s} s"
    raise Refused(RefusalReason.QUEUE_FULL, message, retry_after_s=retry_s)


def check_user(queue: FairQueue, rate: ServiceRate, tally: UserTally, request: JobRequest) -> None:
    """Refuse a job that has come into the queue though its user has as many there as the key allows.

    Raises:
        Refused: with the time that this user's share of the queue will take.
    """
    most = request.limits.max_queued
    if most is None or tally.queued(request.user) <= most:
        return
    waiting = tally.queued(request.user) - 1
    cost = queue.waiting_cost(request.user) * queue.waiting_users()
    retry_s = rate.seconds_for(cost, waiting * queue.waiting_users())
    message = f"{waiting} of your requests wait, and your key's limit is queued={most}; try again in about {retry_s} s"
    raise Refused(RefusalReason.USER_QUEUE_FULL, message, retry_after_s=retry_s)
