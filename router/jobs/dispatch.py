"""Which waiting job goes to which worker, and when."""

from __future__ import annotations

import time
from collections.abc import Iterable

from router.jobs.fairness.preemption import choose_victims
from router.jobs.fairness.queue import FairQueue
from router.jobs.job import Job, JobState
from router.jobs.limits import Priority, UserTally
from router.jobs.workers.link import RouterLink
from router.jobs.workers.prefix import prefix_cuts
from router.jobs.workers.table import Worker, WorkerTable, choose_worker
from shared.wire.jobs import TextJob
from shared.wire.messages import Cancel, Submit


class Dispatcher:
    """The queues of all models, and the way of a job from there to a worker and back.

    ``jobs`` holds all jobs that have not ended, by their names on the wire.
    """

    def __init__(self, models: Iterable[str], router_id: str, link: RouterLink, workers: WorkerTable) -> None:
        self.tally = UserTally()
        self.queues = {model: FairQueue(self.tally) for model in models}
        self.jobs: dict[str, Job] = {}
        self._router_id = router_id
        self._link = link
        self._workers = workers

    def add(self, job: Job) -> None:
        """Take a new job, and give it to a worker if it is its turn and there is room."""
        self.jobs[job.wire_id] = job
        self.queues[job.request.model].push(job)
        self.dispatch(job.request.model)

    def take_out(self, job: Job) -> Worker | None:
        """Forget a job that is about to end; returns the worker that has it. The job's room is not yet given away."""
        self.jobs.pop(job.wire_id, None)
        queue = self.queues[job.request.model]
        if job.state is JobState.QUEUED:
            queue.remove(job)
        else:
            queue.finish(job)
        return self._leave_worker(job)

    def put_back(self, job: Job) -> None:
        """Make a job that its worker does not have, or is not to have any more, the next one to be dispatched."""
        self._take_from_worker(job)
        self.queues[job.request.model].push_front(job)

    def dispatch_after(self, job: Job) -> None:
        """A worker has got rid of this job: there is room for others, of other models too if its user had to wait."""
        self.dispatch(job.request.model)
        if job.request.limits.max_running is not None:
            for model in self.queues:
                self.dispatch(model)

    def dispatch(self, model: str) -> None:
        """Give waiting jobs to workers with room."""
        queue = self.queues[model]
        while (job := queue.peek()) is not None:
            free = self._places_for(job)
            if not free:
                return
            cuts = prefix_cuts(job.request.work) if isinstance(job.request.work, TextJob) else []
            worker = choose_worker(free, cuts)
            if worker is None or not self._send(job, worker):
                return
            worker.prefixes.remember(cuts)

    def _places_for(self, job: Job) -> list[Worker]:
        """The workers that may be given this job.

        A user of whose jobs none runs gets a free slot at once, if need be one that a user of several makes free.
        """
        request = job.request
        free = self._workers.with_room(request.model)
        newcomer = request.priority is Priority.INTERACTIVE and not self.queues[request.model].running(request.user)
        if not newcomer or not isinstance(request.work, TextJob):
            return free
        at_once = [worker for worker in free if worker.has_slot]
        return at_once or self._make_room(request.model) or free

    def _make_room(self, model: str) -> list[Worker]:
        """Put jobs back so that a worker has a free slot; returns that worker, or nothing if that is not to be had."""
        choice = choose_victims(self._workers.of_model(model))
        if choice is None:
            return []
        worker, victims = choice
        for job in victims:  # the youngest first, so that the oldest is the first to go on
            self._preempt(job, worker)
        return [worker]

    def _preempt(self, job: Job, worker: Worker) -> None:
        """Put a job back that its worker has."""
        self._link.send(worker.worker_id, Cancel(job.wire_id))
        self._take_from_worker(job)
        self.queues[job.request.model].put_back(job)

    def _take_from_worker(self, job: Job) -> None:
        del self.jobs[job.wire_id]
        self._leave_worker(job)
        job.worker_id = None
        job.rename()
        self.jobs[job.wire_id] = job
        job.move(JobState.QUEUED)

    def _send(self, job: Job, worker: Worker) -> bool:
        work, generated = job.request.work, job.generated
        submit = Submit(job.wire_id, self._router_id, work, generated, job.delivered, job.begun)
        if not self._link.send(worker.worker_id, submit, job.request.blobs):
            worker.confirmed = False
            return False
        self.queues[job.request.model].start(job)
        job.move(JobState.DISPATCHED)
        job.worker_id, job.next_seq, job.dispatched_at_s = worker.worker_id, 0, time.monotonic()
        worker.jobs[job.wire_id] = job
        return True

    def _leave_worker(self, job: Job) -> Worker | None:
        worker = self._workers.get(job.worker_id) if job.worker_id else None
        if worker is not None:
            worker.jobs.pop(job.wire_id, None)
        return worker
