"""Sends waiting jobs to workers."""

from __future__ import annotations

import time
from collections.abc import Iterable
from weakref import WeakKeyDictionary

from msgspec.structs import replace

from router.jobs.blame.record import Doubt
from router.jobs.fairness.queue import WEIGHTS, FairQueue
from router.jobs.job import Job, JobRequest, JobState
from router.jobs.lines import Lines
from router.jobs.placement import Placement, choose_worker, find_placement, find_trial, kept_free
from router.jobs.workers.link import RouterLink
from router.jobs.workers.prefix import Cut, prefix_cuts
from router.jobs.workers.table import WorkerTable
from router.jobs.workers.worker import Worker
from shared.settings import ModelSettings
from shared.wire.codec import MAX_FRAME_BYTES, encode
from shared.wire.jobs import TextJob
from shared.wire.messages import Cancel, Replay, Submit
from shared.wire.work import PackedWork, seed_of


class Dispatcher:
    """Owns the queues of all models, and moves jobs between queues and workers.

    ``jobs`` holds all jobs that have not ended, by wire id; ``lines`` the queues of each model.
    """

    def __init__(self, models: Iterable[ModelSettings], router_id: str, link: RouterLink, workers: WorkerTable) -> None:
        models = list(models)
        self.lines = Lines(model.name for model in models)
        self.jobs: dict[str, Job] = {}
        self._private = frozenset(model.name for model in models if model.share_prefixes == "user")
        self._router_id = router_id
        self._submissions = 0
        self._cuts: WeakKeyDictionary[PackedWork, list[Cut]] = WeakKeyDictionary()
        self._link = link
        self._workers = workers

    def add(self, job: Job) -> None:
        """Queue a new job, and send it at once if it is next and a worker has room."""
        line = self.lines.of(job.request)
        self.jobs[job.wire_id] = job
        line.rate.resume()
        self._begin_wait(job)
        line.queue.push(job)
        self.dispatch(job.request.model)
        if job.state is JobState.QUEUED:
            job.queue_position = line.queue.position(job)

    def adopt(self, job: Job, worker: Worker) -> None:
        """Go on with a job that a worker has from an earlier run of the router. Its events are sent again."""
        self.jobs[job.wire_id] = job
        line = self.lines.of(job.request)
        line.rate.resume()
        self._begin_wait(job)
        line.queue.push(job)
        self._assign(job, worker, number=0)
        self._link.send(worker.worker_id, Replay(job.wire_id, 0))

    def would_start(self, request: JobRequest) -> bool:
        """Whether :meth:`add` would send a job for this request at once."""
        queue, workers = self.lines.of(request).queue, self._workers.of_model(request.model)
        doubted = self._doubted(request.model)
        return queue.would_be_next(request, doubted) and self._placement(request, workers) is not None

    def take_out(self, job: Job, done: bool) -> Worker | None:
        """Remove a job that ends, successfully if ``done``; returns its worker. Its room is not reused yet."""
        self.jobs.pop(job.wire_id, None)
        line = self.lines.of(job.request)
        queue, rate = line.queue, line.rate
        if job.state is JobState.QUEUED:
            self._end_wait(job)
            queue.remove(job)
        else:
            queue.finish(job)
        if done:
            rate.add(job.estimated_cost)
        if queue.idle:
            rate.pause()
        return self._leave_worker(job, ended=done)

    def put_back(self, job: Job) -> None:
        """Take a job from its worker and make it the next one to be dispatched."""
        self._take_from_worker(job)
        self.lines.of(job.request).queue.push_front(job)

    def survived(self, job: Job) -> None:
        """Note that its worker has survived a job's beginning, or its trial. Jobs may be waiting for that."""
        was_on_trial = job.on_trial
        job.proof = 0
        if was_on_trial:
            job.blame.acquit()
        if was_on_trial or any(line.queue.returned for line in self.lines.of_model(job.request.model)):
            self.dispatch(job.request.model)

    def dispatch_after(self, job: Job) -> None:
        """Reuse the room of an ended job; on all models if its user has a limit of running jobs, which spans models."""
        self.dispatch(job.request.model)
        if job.request.limits.max_running is not None:
            for model in self.lines.models:
                self.dispatch(model)

    def note_absences(self) -> None:
        """Look which models have no worker that takes jobs."""
        present = {worker.heartbeat.model for worker in self._workers.all() if worker.ready and not worker.closed}
        for model in self.lines.models:
            self.lines.of_model(model)[0].absence.note(model in present)

    def dispatch(self, model: str) -> None:
        """Give waiting jobs to workers with room."""
        while (turn := self._next_turn(model)) is not None:
            job, placement = turn
            for victim in placement.victims:  # the youngest first, so that the oldest resumes first
                self._preempt(victim, placement.workers[0])
            cuts = self._cuts_of(job)
            worker = choose_worker(placement.workers, cuts)
            if not self._send(job, worker):
                return
            worker.prefixes.remember(cuts)

    def _cuts_of(self, job: Job) -> list[Cut]:
        """The prefixes of a job's prompt, found once for all choices and attempts."""
        cuts = self._cuts.get(job.packed)
        if cuts is None:
            work, request = job.packed.work, job.request
            owner = request.user if request.model in self._private else ""
            cuts = prefix_cuts(work, owner, request.digests) if isinstance(work, TextJob) else []
            self._cuts[job.packed] = cuts
        return cuts

    def _next_turn(self, model: str) -> tuple[Job, Placement] | None:
        """The next job that goes to a worker, if one can now.

        Of the jobs that lost their worker, those in doubt wait for a trial: the accused ones before all others, the
        suspects behind those that are not in doubt. Meanwhile, other jobs go to other workers.
        """
        workers, doubted = self._workers.of_model(model), self._doubted(model)
        turn = self._next_trial(model, Doubt.ACCUSED, doubted, workers)
        for line in self.lines.of_model(model):
            turn = turn or self._next_of(model, line.queue, doubted, workers)
        return turn

    def _next_of(
        self, model: str, queue: FairQueue, doubted: list[Job], workers: list[Worker]
    ) -> tuple[Job, Placement] | None:
        """The next job of one queue."""
        if not len(queue):
            return None
        job = queue.peek(doubted)
        if doubted and (job is None or job not in queue.returned):
            turn = self._next_trial(model, Doubt.SUSPECT, doubted, workers)
            if turn is not None:
                return turn
        placement = None if job is None else self._placement(job.request, workers)
        return (job, placement) if job is not None and placement is not None else None

    def _doubted(self, model: str) -> list[Job]:
        """The jobs that wait for a trial, which holds up no others."""
        return [job for line in self.lines.of_model(model) for job in line.queue.returned if job.blame.doubt]

    def _next_trial(
        self, model: str, doubt: Doubt, doubted: list[Job], workers: list[Worker]
    ) -> tuple[Job, Placement] | None:
        """The first job so much in doubt and where it is tried; if that is nowhere now, a worker may be kept free.

        That one is taken out of ``workers``.
        """
        now_s = time.monotonic()
        job = next((job for job in doubted if job.blame.doubt is doubt and job.retry_at_s <= now_s), None)
        if job is None:
            return None
        placement = find_trial(job, workers, self._has_running(job.request))
        if placement is not None:
            return job, placement
        if doubt is Doubt.SUSPECT or not self._workers.expects(model):
            kept = kept_free(job, workers)
            if kept is not None:
                workers.remove(kept)
        return None

    def _placement(self, request: JobRequest, workers: list[Worker]) -> Placement | None:
        return find_placement(request, workers, self._has_running(request))

    def _has_running(self, request: JobRequest) -> bool:
        return self.lines.of(request).queue.running(request.user) > 0

    def _preempt(self, job: Job, worker: Worker) -> None:
        self._link.send(worker.worker_id, Cancel(job.wire_id))
        self._take_from_worker(job)
        self.lines.of(job.request).queue.push_preempted(job)

    def _take_from_worker(self, job: Job) -> None:
        del self.jobs[job.wire_id]
        self._leave_worker(job, ended=False)
        job.worker_id = None
        job.rename()
        self.jobs[job.wire_id] = job
        job.move(JobState.QUEUED)
        job.queued_at_s = time.monotonic()
        self._begin_wait(job)

    def _send(self, job: Job, worker: Worker) -> bool:
        self._submissions += 1
        frames = (job.packed.frame, *job.request.blobs)
        if not self._link.send(worker.worker_id, self._submit_of(job), frames):
            worker.confirmed = False
            return False
        worker.note_sent(self._submissions, sum(map(len, frames)))
        self._assign(job, worker, self._submissions)
        return True

    def _submit_of(self, job: Job) -> Submit:
        request = job.request
        submit = Submit(
            job.wire_id,
            self._router_id,
            self._submissions,
            seed_of(request.work),
            job.generated,
            job.delivered,
            job.begun,
            request.ticket if job.history is not None else b"",
            job.history or [],
            request.keep_s,
            request.opaque_user,
            WEIGHTS[request.priority],
            job.mirostat_mu,
        )
        if submit.earlier and len(encode(submit)) > MAX_FRAME_BYTES:
            job.history = None
            return replace(submit, ticket=b"", earlier=[])
        return submit

    def _assign(self, job: Job, worker: Worker, number: int) -> None:
        self._end_wait(job)
        self.lines.of(job.request).queue.start(job)
        job.move(JobState.DISPATCHED)
        job.begin_on(worker.worker_id, number)
        worker.add(job)

    def _begin_wait(self, job: Job) -> None:
        absence = self.lines.of(job.request).absence
        absence.note(self._takes_jobs(job.request.model))
        job.absent_before_s = absence.total_s

    def _end_wait(self, job: Job) -> None:
        absence = self.lines.of(job.request).absence
        absence.note(self._takes_jobs(job.request.model))
        job.load_wait_s += absence.total_s - job.absent_before_s

    def _takes_jobs(self, model: str) -> bool:
        return any(worker.ready and not worker.closed for worker in self._workers.of_model(model))

    def _leave_worker(self, job: Job, ended: bool) -> Worker | None:
        worker = self._workers.get(job.worker_id) if job.worker_id else None
        if worker is not None:
            worker.remove(job)
            worker.abandoned = worker.abandoned or not ended
        return worker
