"""Which new jobs are refused, and when their clients should try again."""

from __future__ import annotations

from router.jobs.dispatch import Dispatcher
from router.jobs.job import Job
from router.jobs.refusals import RefusalReason, Refused, no_worker
from router.jobs.workers.table import WorkerTable

RESERVED_SHARE = 8
"""Extra places, one in eight of the limit, reserved for users with nothing queued."""


class Admission:
    """Checks new jobs. It changes nothing: a refused job is never queued, dispatched or charged.

    ``queue_limit`` is the maximum number of jobs that wait for one model, without those that follow another.
    """

    def __init__(self, workers: WorkerTable, dispatcher: Dispatcher, queue_limit: int) -> None:
        self._workers = workers
        self._dispatcher = dispatcher
        self._queue_limit = queue_limit

    def check(self, job: Job) -> None:
        """Check a job that is not queued yet.

        Raises:
            Refused: no worker of the model will ever be ready, or too many jobs are queued, in total or of this user.
        """
        self._check_workers(job)
        if not job.request.follows:
            self._check_queue(job)
            self._check_user(job)

    def _check_workers(self, job: Job) -> None:
        reason = self._workers.hopeless(job.request.model)
        if reason is not None:
            raise no_worker(job.request.model, reason)

    def _check_queue(self, job: Job) -> None:
        queue, rate = self._dispatcher.queues[job.request.model], self._dispatcher.rates[job.request.model]
        waiting, limit = queue.requests, self._queue_limit
        if waiting < limit:
            return
        if waiting < limit + limit // RESERVED_SHARE and not queue.has_waiting(job.request.user):
            return
        retry_after_s = rate.seconds_for(queue.waiting_cost(), waiting)
        message = f"the queue is full with {waiting} requests; try again in about {retry_after_s} s"
        raise Refused(RefusalReason.QUEUE_FULL, message, retry_after_s=retry_after_s)

    def _check_user(self, job: Job) -> None:
        """A job that would start at once never waits, so a user whose limit is 0 can still run jobs."""
        user, limit = job.request.user, job.request.limits.max_queued
        waiting = self._dispatcher.tally.queued(user)
        if limit is None or waiting < limit or self._dispatcher.would_start(job.request):
            return
        queue, rate = self._dispatcher.queues[job.request.model], self._dispatcher.rates[job.request.model]
        users = queue.waiting_users() + (not queue.has_waiting(user))
        cost = (queue.waiting_cost(user) + job.estimated_cost) * users
        retry_after_s = rate.seconds_for(cost, waiting * users)
        message = (
            f"your key's limit is queued={limit}, and {waiting} of your requests are waiting; "
            f"try again in about {retry_after_s} s"
        )
        raise Refused(RefusalReason.USER_QUEUE_FULL, message, retry_after_s=retry_after_s)
