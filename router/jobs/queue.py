"""The jobs that wait for a worker, fair between users."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator

from router.jobs.job import Job


class FairQueue:
    """Takes one job of each waiting user in turn, so that one user's hundred jobs do not delay another's one."""

    def __init__(self) -> None:
        self._by_user: OrderedDict[str, deque[Job]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Job]:
        for jobs in self._by_user.values():
            yield from jobs

    def push(self, job: Job) -> None:
        """Add a job behind those of the same user."""
        self._by_user.setdefault(job.request.user, deque()).append(job)
        self._count += 1

    def push_front(self, job: Job) -> None:
        """Add a job that had left the queue before: it is the next one."""
        user = job.request.user
        self._by_user.setdefault(user, deque()).appendleft(job)
        self._by_user.move_to_end(user, last=False)
        self._count += 1

    def pop(self) -> Job:
        """Take the next job; its user goes to the end of the round.

        Raises:
            IndexError: no job waits.
        """
        if not self._by_user:
            raise IndexError("no job waits")
        user, jobs = next(iter(self._by_user.items()))
        job = jobs.popleft()
        self._count -= 1
        if jobs:
            self._by_user.move_to_end(user)
        else:
            del self._by_user[user]
        return job

    def remove(self, job: Job) -> bool:
        """Take a certain job out; False if it is not here."""
        jobs = self._by_user.get(job.request.user)
        if jobs is None or job not in jobs:
            return False
        jobs.remove(job)
        self._count -= 1
        if not jobs:
            del self._by_user[job.request.user]
        return True
