"""The jobs that wait for a worker, in an order that is fair between users by the cost of their jobs."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Container, Iterator, Sequence

from router.jobs.fairness.cost import cost_so_far
from router.jobs.job import Job, JobRequest
from router.jobs.limits import Priority, UserTally
from shared.virtual_counters import VirtualCounters

WEIGHTS = {Priority.INTERACTIVE: 1.0, Priority.BATCH: 0.1}
"""Shares of the two priorities while both have work: batch work gets 1/11."""


class FairQueue:
    """Weighted fair queueing over the cost of jobs (:mod:`router.jobs.fairness.cost`), for one model.

    The next job is of the priority, and within it of the user, with the lowest virtual counter
    (:class:`~shared.virtual_counters.VirtualCounters`). So a hundred jobs of one user do not delay another user's
    single job, and long prompts count more than short ones. Users with nothing running go first, whatever their
    counters; of equal users, the one whose last turn is longest ago. Users at their limit of running jobs
    (``max_running``) are skipped until one ends.

    :meth:`start` charges the estimated cost, so that jobs that start together count at once; :meth:`settle` and
    :meth:`finish` correct it to the real cost. A job counts as its user's work, waiting or running, until
    :meth:`remove` or :meth:`finish`.

    ``requests`` is the number of waiting jobs without those that follow another job of their request.
    """

    def __init__(self, tally: UserTally | None = None) -> None:
        self._tally = tally or UserTally()
        self._priorities = VirtualCounters[Priority]()
        self._users = {priority: VirtualCounters[str]() for priority in Priority}
        self._waiting: dict[Priority, dict[str, deque[Job]]] = {priority: {} for priority in Priority}
        self._returned: deque[Job] = deque()
        self._running: Counter[str] = Counter()
        self._requests: Counter[str] = Counter()
        self._count = 0
        self.requests = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Job]:
        yield from self._returned
        for users in self._waiting.values():
            for jobs in users.values():
                yield from jobs

    @property
    def idle(self) -> bool:
        """True if none of this model's jobs waits or runs."""
        return self._priorities.idle

    def push(self, job: Job) -> None:
        """Add a new job behind the others of its user."""
        self._priorities.enter(job.request.priority)
        self._users[job.request.priority].enter(job.request.user)
        self._waiting_of(job).append(job)
        self._count_waiting(job, 1)

    def push_front(self, job: Job) -> None:
        """Add back a job that lost its worker: it becomes the next job of all users."""
        self._charge_to(job, cost_so_far(job))
        self._returned.appendleft(job)
        self._count_running(job, -1)
        self._count_waiting(job, 1)

    def push_preempted(self, job: Job) -> None:
        """Add back a job that was preempted: it becomes the next job of its user."""
        self._charge_to(job, cost_so_far(job))
        self._users[job.request.priority].return_turn(job.request.user)
        self._waiting_of(job).appendleft(job)
        self._count_running(job, -1)
        self._count_waiting(job, 1)

    @property
    def returned(self) -> Sequence[Job]:
        """The jobs that lost their worker, in order."""
        return self._returned

    def peek(self, held: Container[Job] = ()) -> Job | None:
        """The next job; None if none waits, or only jobs of users at their limit or before their next attempt.

        Of the jobs that lost their worker, those ``held`` are left out.
        """
        returned = self._next_returned(held)
        if returned is not None:
            return returned
        for priority in sorted(Priority, key=self._priority_rank):
            job = self._next_of(priority)
            if job is not None:
                return job
        return None

    def would_be_next(self, request: JobRequest, held: Container[Job] = ()) -> bool:
        """Whether :meth:`peek` would return a job for this request if it were pushed now; ``held`` as there."""
        user, priority = request.user, request.priority
        may_run = self._tally.may_run(user, request.limits)
        if self._next_returned(held) is not None or not may_run or user in self._waiting[priority]:
            return False
        rank = self._priority_rank(priority)
        rivals = (other for other in Priority if other is not priority and self._priority_rank(other) < rank)
        if any(self._next_of(other) is not None for other in rivals):
            return False
        first = self._next_of(priority)
        return first is None or self._user_rank(user, priority) < self._user_rank(first.request.user, priority)

    def start(self, job: Job) -> None:
        """Move a job from waiting to running, and charge its estimated cost."""
        self._take(job)
        self._users[job.request.priority].take_turn(job.request.user)
        self._charge_to(job, max(job.estimated_cost, job.charged_cost))
        self._count_running(job, 1)

    def remove(self, job: Job) -> bool:
        """Remove a waiting job for good; False if it does not wait here."""
        if not self._take(job):
            return False
        self._leave(job)
        return True

    def settle(self, job: Job) -> None:
        """Charge a running job for what it has cost beyond its estimate."""
        cost = cost_so_far(job)
        if cost > job.charged_cost:
            self._charge_to(job, cost)

    def finish(self, job: Job) -> None:
        """Count a running job as ended, and charge its real cost."""
        self._charge_to(job, cost_so_far(job))
        self._count_running(job, -1)
        self._leave(job)

    def waiting_cost(self, user: str | None = None) -> float:
        """The estimated cost of the waiting jobs, of one user or of all."""
        return sum(job.estimated_cost for job in self if user is None or job.request.user == user)

    def running(self, user: str) -> int:
        """The number of a user's jobs that workers of this model have."""
        return self._running.get(user, 0)

    def waiting_requests(self, user: str) -> int:
        """The number of a user's waiting jobs without those that follow another job of their request."""
        return self._requests.get(user, 0)

    def reserved(self, network: str) -> int:
        """The number of waiting jobs that clients in this network have in reserved places."""
        return sum(job.reserved and job.request.network == network for job in self)

    def has_waiting(self, user: str) -> bool:
        """Whether a job of this user waits."""
        return any(user in users for users in self._waiting.values())

    def waiting_users(self) -> int:
        """The number of users with waiting jobs."""
        return len({user for users in self._waiting.values() for user in users})

    def count_by_user(self) -> dict[str, tuple[int, int]]:
        """The numbers of each user's waiting and running jobs; users without any are left out."""
        waiting = Counter(job.request.user for job in self._returned)
        for users in self._waiting.values():
            waiting.update({user: len(jobs) for user, jobs in users.items()})
        return {user: (waiting[user], self._running[user]) for user in sorted({*waiting, *self._running})}

    def position(self, job: Job) -> int:
        """The approximate place of a job in the queue, from 1; 0 if it does not wait here.

        It assumes that users take turns with one job each, since costs are known only afterwards.
        """
        if job in self._returned:
            return self._returned.index(job) + 1
        users = self._waiting[job.request.priority]
        own = users.get(job.request.user)
        if own is None or job not in own:
            return 0
        rank = own.index(job)
        mine = self._user_rank(job.request.user, job.request.priority)
        others = (
            (jobs, self._user_rank(user, job.request.priority)) for user, jobs in users.items() if jobs is not own
        )
        ahead = sum(min(len(jobs), rank + (theirs < mine)) for jobs, theirs in others) + len(self._returned)
        if job.request.priority is Priority.BATCH:
            ahead += sum(map(len, self._waiting[Priority.INTERACTIVE].values()))
        return ahead + rank + 1

    def _next_returned(self, held: Container[Job] = ()) -> Job | None:
        """The next job that has lost its worker and may be sent again now."""
        if not self._returned:
            return None
        now_s = time.monotonic()
        return next((job for job in self._returned if job not in held and job.retry_at_s <= now_s), None)

    def _next_of(self, priority: Priority) -> Job | None:
        users, tally = self._waiting[priority], self._tally
        allowed = (user for user, jobs in users.items() if tally.may_run(user, jobs[0].request.limits))
        user = min(allowed, key=lambda user: self._user_rank(user, priority), default=None)
        return None if user is None else users[user][0]

    def _priority_rank(self, priority: Priority) -> tuple[float, bool]:
        return self._priorities.level(priority), priority is Priority.BATCH

    def _user_rank(self, user: str, priority: Priority) -> tuple[bool, float, int]:
        users = self._users[priority]
        return self.running(user) > 0, users.level(user), users.last_turn(user)

    def _waiting_of(self, job: Job) -> deque[Job]:
        return self._waiting[job.request.priority].setdefault(job.request.user, deque())

    def _count_waiting(self, job: Job, change: int) -> None:
        self._count += change
        if not job.request.follows:
            self.requests += change
            self._requests[job.request.user] += change
            if not self._requests[job.request.user]:
                del self._requests[job.request.user]
            self._tally.change(job.request.user, queued=change)

    def _count_running(self, job: Job, change: int) -> None:
        user = job.request.user
        self._running[user] += change
        if not self._running[user]:
            del self._running[user]
        self._tally.change(user, running=change)

    def _take(self, job: Job) -> bool:
        users = self._waiting[job.request.priority]
        jobs = users.get(job.request.user)
        if jobs is not None and job in jobs:
            jobs.remove(job)
            if not jobs:
                del users[job.request.user]
        elif job in self._returned:
            self._returned.remove(job)
        else:
            return False
        self._count_waiting(job, -1)
        return True

    def _leave(self, job: Job) -> None:
        self._users[job.request.priority].leave(job.request.user)
        self._priorities.leave(job.request.priority)

    def _charge_to(self, job: Job, cost: float) -> None:
        """Change what has been charged for a job to ``cost``."""
        added, job.charged_cost = cost - job.charged_cost, cost
        priority = job.request.priority
        self._users[priority].charge(job.request.user, added)
        self._tally.charge(job.request.user, added)
        self._priorities.charge(priority, added / WEIGHTS[priority])
