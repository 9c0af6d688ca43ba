"""What happens to the jobs of workers that die, are drained, or will never be ready."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Collection, Sequence

from router.jobs.blame.record import WORKER_DIED, Death
from router.jobs.completion import Completion
from router.jobs.dispatch import Dispatcher
from router.jobs.job import Job
from router.jobs.refusals import no_worker
from router.jobs.workers.link import RouterLink
from router.jobs.workers.table import WorkerTable
from router.jobs.workers.worker import Worker
from shared.wire.messages import Cancel
from shared.wire.payloads import Failed

log = logging.getLogger("nexa.router.jobs")

MAX_REQUEUES = 5
"""A job that workers turned out not to have, although it was sent to them, is sent again this often."""

FIRST_RETRY_S = 0.2
"""Wait before a job is sent again that was lost twice; it doubles with each loss. After one loss there is none."""


FILES_LOST = "the server restarted, and its worker with this chat's pictures was lost; send the request again"


class Failover:
    """Moves jobs between workers.

    ``moved_jobs`` counts the jobs moved, ``lost_workers`` the workers lost, each by model.
    """

    def __init__(self, workers: WorkerTable, dispatcher: Dispatcher, completion: Completion, link: RouterLink) -> None:
        self.moved_jobs: Counter[str] = Counter()
        self.lost_workers: Counter[str] = Counter()
        self._workers = workers
        self._dispatcher = dispatcher
        self._completion = completion
        self._link = link

    def lose(self, worker: Worker, why: str) -> None:
        """Remove a dead worker. Its jobs go to others, except one that was alone there because it is on trial."""
        self._workers.remove(worker)
        jobs = list(worker.jobs.values())
        if worker.dismissed and not jobs:
            log.info("worker left", extra={"worker": worker.heartbeat.worker_name})
            return
        self.lost_workers[worker.heartbeat.model] += 1
        facts = {"worker": worker.heartbeat.worker_name, "reason": why, "jobs": len(jobs)}
        log.warning("worker lost", extra=facts)
        death = Death()
        for job in reversed(jobs):  # each goes to the front of the queue
            if job.on_trial and len(jobs) == 1 and not worker.abandoned:
                self._convict(job)
            else:
                job.blame.add(death, job.produced_here, job.on_trial)
                self._put_back(job)
        if jobs:
            self._dispatcher.dispatch(worker.heartbeat.model)

    def _convict(self, job: Job) -> None:
        """Fail a job that kills workers."""
        job.blame.convict()
        log.warning("request kills workers", extra={"job": job.job_id, "deaths": job.blame.deaths})
        message = f"{job.blame.deaths} workers died while they had this request; it is not retried"
        self._completion.finish(job, Failed(500, message, None, WORKER_DIED))

    def evacuate(self, worker: Worker) -> None:
        """Move the jobs of a draining worker to others."""
        jobs = list(worker.jobs.values())
        log.info("jobs moved", extra={"worker": worker.heartbeat.worker_name, "jobs": len(jobs)})
        for job in reversed(jobs):
            self._link.send(worker.worker_id, Cancel(job.wire_id))
            job.lost_turns += not job.produced_here
            self._put_back(job)
        self._dispatcher.dispatch(worker.heartbeat.model)

    def requeue(self, job: Job) -> None:
        """Take a job from a worker that does not have it, so that any worker can resume it after the sent tokens.

        A job that is lost again and again fails.
        """
        job.requeues += 1
        log.warning("job lost on its way", extra={"job": job.job_id, "worker": job.worker_id, "times": job.requeues})
        if job.requeues > MAX_REQUEUES:
            message = f"this request was lost {job.requeues} times on its way to a worker; it is not sent again"
            self._completion.stop(job, Failed(500, message, None, "job_lost"))
            return
        self._put_back_later(job)
        self._dispatcher.dispatch(job.request.model)

    def fail_hopeless(self) -> None:
        """Fail the waiting jobs of models that will never have a ready worker."""
        for model in self._dispatcher.lines.models:
            waiting = [job for line in self._dispatcher.lines.of_model(model) for job in line.queue]
            reason = self._workers.hopeless(model) if waiting else None
            if reason is not None:
                self._fail(waiting, reason)

    def fail_gone(self, served: Collection[str]) -> None:
        """Fail the waiting jobs of models that are not served any more, unless a worker of theirs is still here."""
        for model in self._dispatcher.lines.models:
            if model not in served and not self._workers.of_model(model) and not self._workers.expects(model):
                waiting = [job for line in self._dispatcher.lines.of_model(model) for job in line.queue]
                self._fail(waiting, "it is not served any more: its files are gone")

    def _fail(self, waiting: Sequence[Job], reason: str) -> None:
        for job in waiting:
            refused = no_worker(job.request.model, reason)
            self._completion.finish(job, Failed(503, str(refused), refused.field, refused.reason.value))

    def _put_back_later(self, job: Job) -> None:
        """Queue a job again, after a wait if this is not its first loss."""
        wait_s = retry_wait_s(job.requeues)
        if wait_s:
            job.retry_at_s = time.monotonic() + wait_s
            asyncio.get_running_loop().call_later(wait_s, self._end_wait, job, job.retry_at_s)
        self._put_back(job)

    def _end_wait(self, job: Job, retry_at_s: float) -> None:
        """Let a job be sent again, also if the loop's timer, which counts milliseconds, is early."""
        if job.retry_at_s == retry_at_s:
            job.retry_at_s = 0.0
        self._dispatcher.dispatch(job.request.model)

    def _put_back(self, job: Job) -> None:
        if job.request.lacks_files:
            self._completion.stop(job, Failed(503, FILES_LOST, None, "files_lost"))
            return
        self.moved_jobs[job.request.model] += 1
        self._dispatcher.put_back(job)


def retry_wait_s(losses: int) -> float:
    """How long a job waits that was lost this often, until it may be sent again."""
    return FIRST_RETRY_S * 2 ** (losses - 2) if losses > 1 else 0.0
