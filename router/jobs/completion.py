"""Ends jobs, and gives their room to the next ones."""

from __future__ import annotations

from router.jobs.dispatch import Dispatcher
from router.jobs.job import Job, JobState
from router.jobs.workers.link import RouterLink
from router.jobs.workers.worker import Worker
from shared.kinds import spec_of
from shared.wire.messages import Acknowledge, Cancel
from shared.wire.payloads import Done, Failed


class Completion:
    """Ends jobs."""

    def __init__(self, dispatcher: Dispatcher, link: RouterLink) -> None:
        self._dispatcher = dispatcher
        self._link = link

    def finish(self, job: Job, end: Done | Failed) -> None:
        """End a job with its last event, which comes from its worker or from the router."""
        worker = self._close(job, end)
        if worker is not None:
            worker.acknowledged.add(job.wire_id)
            self._link.send(worker.worker_id, Acknowledge([job.wire_id]))
            self._dispatcher.dispatch_after(job)

    def stop(self, job: Job, failed: Failed | None = None) -> None:
        """End a job before its worker is done with it: as cancelled, or with an error."""
        running = job.state is JobState.RUNNING
        worker = self._close(job, failed)
        if worker is not None:
            worker.occupied = worker.occupied or (running and spec_of(job.request.work).outlives_cancel)
            self._link.send(worker.worker_id, Cancel(job.wire_id))
            self._dispatcher.dispatch_after(job)
        job.wake()

    def _close(self, job: Job, end: Done | Failed | None) -> Worker | None:
        """End a job, as cancelled if ``end`` is None; returns the worker that had it."""
        if job.deadline is not None:
            job.deadline.cancel()
        worker = self._dispatcher.take_out(job, done=isinstance(end, Done))
        if end is None:
            job.move(JobState.CANCELLED)
        else:
            job.move(JobState.DONE if isinstance(end, Done) else JobState.FAILED)
            job.deliver(end)
        return worker
