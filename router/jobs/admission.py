"""Which new jobs are refused, and when their clients should try again."""

from __future__ import annotations

from router.jobs.dispatch import Dispatcher
from router.jobs.fairness.queue import FairQueue
from router.jobs.job import Job
from router.jobs.refusals import RefusalReason, Refused, no_worker
from router.jobs.workers.table import WorkerTable

RESERVED_SHARE = 8
"""Extra places, one in eight of the limit, reserved for users with nothing queued."""

NETWORK_SHARE = 4
"""One network gets one in four of the reserved places, at least one, however many names its users have."""

USER_LIMIT_REACHED = (
    "the limit of one user's waiting requests is {limit} (--user-queue-limit), and {waiting} of yours are waiting; "
    "try again in about {retry_after_s} s"
)
KEY_LIMIT_REACHED = (
    "your key's limit is queued={limit}, and {waiting} of your requests are waiting; "
    "try again in about {retry_after_s} s"
)


class Admission:
    """Checks new jobs. It changes nothing: a refused job is never queued, dispatched or charged.

    ``queue_limit`` is the maximum number of jobs that wait in one line of a model, without those that follow another;
    ``user_limit`` is that of each user whose key has no limit of its own.
    """

    def __init__(self, workers: WorkerTable, dispatcher: Dispatcher, queue_limit: int, user_limit: int) -> None:
        self._workers = workers
        self._dispatcher = dispatcher
        self._queue_limit = queue_limit
        self._user_limit = user_limit

    def check(self, job: Job) -> bool:
        """Check a job that is not queued yet; returns whether it takes a reserved place.

        Raises:
            Refused: no worker of the model will ever be ready, or too many jobs are queued, in total or of this user.
        """
        self._check_workers(job)
        if job.request.follows:
            return False
        reserved = self._check_queue(job)
        user, key_limit = job.request.user, job.request.limits.max_queued
        line = self._dispatcher.lines.of(job.request)
        if key_limit is None:
            self._check_user(job, line.queue.waiting_requests(user), self._user_limit, USER_LIMIT_REACHED)
        else:
            self._check_user(job, line.tally.queued(user), key_limit, KEY_LIMIT_REACHED)
        return reserved

    def _check_workers(self, job: Job) -> None:
        reason = self._workers.hopeless(job.request.model)
        if reason is not None:
            raise no_worker(job.request.model, reason)

    def _check_queue(self, job: Job) -> bool:
        """Whether there is only a reserved place for the job."""
        line = self._dispatcher.lines.of(job.request)
        queue = line.queue
        waiting = queue.requests
        if waiting < self._queue_limit:
            return False
        if waiting < self._queue_limit + self._queue_limit // RESERVED_SHARE and self._may_take_reserved(job, queue):
            return True
        retry_after_s = line.rate.seconds_for(queue.waiting_cost(), waiting)
        message = f"the queue is full with {waiting} requests; try again in about {retry_after_s} s"
        raise Refused(RefusalReason.QUEUE_FULL, message, retry_after_s=retry_after_s)

    def _may_take_reserved(self, job: Job, queue: FairQueue) -> bool:
        network = job.request.network
        places = max(1, self._queue_limit // RESERVED_SHARE // NETWORK_SHARE)
        return not queue.has_waiting(job.request.user) and (not network or queue.reserved(network) < places)

    def _check_user(self, job: Job, waiting: int, limit: int, reached: str) -> None:
        """A job that would start at once never waits, so a user whose limit is 0 can still run jobs."""
        if waiting < limit or self._dispatcher.would_start(job.request):
            return
        retry_after_s = self._retry_after_s(job, waiting)
        message = reached.format(limit=limit, waiting=waiting, retry_after_s=retry_after_s)
        raise Refused(RefusalReason.USER_QUEUE_FULL, message, retry_after_s=retry_after_s)

    def _retry_after_s(self, job: Job, waiting: int) -> int:
        """When the user's ``waiting`` jobs and this one are done, with the turns of other users."""
        user, line = job.request.user, self._dispatcher.lines.of(job.request)
        queue = line.queue
        users = queue.waiting_users() + (not queue.has_waiting(user))
        cost = (queue.waiting_cost(user) + job.estimated_cost) * users
        return line.rate.seconds_for(cost, waiting * users)
