"""Owns every job from acceptance to its end: queueing, dispatch, events, and what to do when a worker dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections import Counter
from pathlib import Path
from typing import assert_never

from router.jobs.admission import check_queue, check_user
from router.jobs.dispatch import Dispatcher
from router.jobs.job import Job, JobRequest, JobState
from router.jobs.refusals import RefusalReason, Refused
from router.jobs.served import ServedModel, find_model
from router.jobs.service_rate import ServiceRate
from router.jobs.workers.control import WorkerControl
from router.jobs.workers.link import RouterLink
from router.jobs.workers.probing import Prober
from router.jobs.workers.table import Worker, WorkerRow, WorkerTable
from shared.kinds import JobKind
from shared.settings import ModelSettings, ServerSettings
from shared.wire.jobs import ImageJob
from shared.wire.messages import (
    Acknowledge,
    BusMessage,
    Cancel,
    Event,
    Heartbeat,
    ProbeEcho,
    Replay,
    Replayed,
    Roster,
    Step,
)
from shared.wire.payloads import Done, Failed, Started, Tokens
from shared.wire.transport import Endpoints

log = logging.getLogger("nexa.router.jobs")

TICK_S = 0.1
STALLED_S = 2.0
"""A router that itself stood still for so long (a machine that slept) has heard nobody, which is not their fault."""

REPLAY_AGAIN_S = 0.2
LOST_SUBMIT_S = 2.0
"""A job that its worker does not list so long after it was sent never arrived."""

MOST_CRASHES = 2
"""A job that was running when so many workers died is taken for the cause and fails."""

MOST_LOSSES = 5
"""So does one that so many dead workers had been given, though none had begun it."""


class Broker:
    """The jobs of one run of the router.

    ``failovers`` counts the jobs that were taken from one worker to be given to another, ``worker_losses`` the workers
    that were lost, each by model.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.failovers: Counter[str] = Counter()
        self.worker_losses: Counter[str] = Counter()
        self._router_id = secrets.token_hex(8)
        endpoints = Endpoints.in_folder(Path(settings.run_folder))
        self._link = RouterLink(self._router_id, endpoints, self._on_message)
        self._workers = WorkerTable()
        self.control = WorkerControl(self._workers, self._link)
        self._prober = Prober(self._router_id, self._link, self._workers)
        self._dispatcher = Dispatcher(
            [model.name for model in settings.models], self._router_id, self._link, self._workers
        )
        self._jobs = self._dispatcher.jobs
        self._rates = {model.name: ServiceRate() for model in settings.models}
        self._ticker: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Bind the sockets and begin to dispatch."""
        self._link.open()
        self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Cancel what is left and close the sockets."""
        for job in list(self._jobs.values()):
            self.cancel(job)
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        self._link.close()

    def find_model(self, name: str | None, kind: JobKind) -> ModelSettings:
        """The served model of that name, or the first one of the kind.

        Raises:
            Refused: no such model is served; the message lists those that are.
        """
        return find_model(self.settings.models, name, kind)

    def submit(self, request: JobRequest) -> Job:
        """Accept a job.

        Raises:
            Refused: too many jobs wait, of all users or of this one, or no worker of the model will ever be ready.
        """
        reason = self._workers.hopeless(request.model)
        if reason is not None:
            message = f"model: no worker can serve {request.model!r}: {reason}"
            raise Refused(RefusalReason.NO_WORKER, message, "model")
        queue, rate = self._dispatcher.queues[request.model], self._rates[request.model]
        check_queue(queue, rate, self.settings.queue_limit, request)
        rate.resume()
        job = Job(job_id=f"{request.request_id}-{secrets.token_hex(4)}", request=request)
        self._dispatcher.add(job)
        if job.state is JobState.QUEUED:
            try:
                check_user(queue, rate, self._dispatcher.tally, request)
            except Refused:
                self.cancel(job)
                raise
            job.queue_position = queue.position(job)
        if request.timeout_s is not None:
            job.deadline = asyncio.get_running_loop().call_later(request.timeout_s, self._expire, job)
        return job

    def position(self, job: Job) -> int:
        """About how many jobs have their turn before this one does, itself included; 0 if it does not wait."""
        waits = job.state is JobState.QUEUED
        return self._dispatcher.queues[job.request.model].position(job) if waits else 0

    def cancel(self, job: Job) -> None:
        """The client is gone: free what the job holds. Nothing happens to a job that has ended."""
        if not job.ended:
            self._stop_early(job)

    def _expire(self, job: Job) -> None:
        """The time of a job has passed."""
        if job.ended:
            return
        where = "it still waited in the queue" if job.state is JobState.QUEUED else "it was still running"
        message = (
            f"timeout: the request was not done within {job.request.timeout_s:g} s ({where}), which `timeout` or, "
            f"without it, the server's --default-timeout-s gave it; at most {self.settings.max_timeout_s:g} s"
        )
        self._stop_early(job, Failed(504, message, "timeout", "deadline_exceeded"))

    def _stop_early(self, job: Job, failed: Failed | None = None) -> None:
        """End a job that its worker, if it has one, is not done with."""
        running = job.state is JobState.RUNNING
        worker = self._close(job, failed)
        if worker is not None:
            worker.occupied = worker.occupied or (running and isinstance(job.request.work, ImageJob))
            self._link.send(worker.worker_id, Cancel(job.wire_id))
            self._dispatcher.dispatch_after(job)
        job.wake()

    def _close(self, job: Job, end: Done | Failed | None) -> Worker | None:
        """A job ends, without a word if it was cancelled; returns the worker that had it."""
        if job.deadline is not None:
            job.deadline.cancel()
        worker = self._dispatcher.take_out(job)
        if end is None:
            job.move(JobState.CANCELLED)
        else:
            job.move(JobState.DONE if isinstance(end, Done) else JobState.FAILED)
            job.deliver(end)
        rate = self._rates[job.request.model]
        if isinstance(end, Done):
            rate.add(job.estimated_cost)
        if self._dispatcher.queues[job.request.model].idle:
            rate.pause()
        return worker

    def readiness(self) -> tuple[bool, dict[str, str]]:
        """Whether every model has a ready worker, and what is missing for those that have none."""
        missing = {
            model.name: self._workers.missing(model.name)
            for model in self.settings.models
            if not self._has_ready_worker(model.name)
        }
        return not missing, missing

    def workers(self) -> list[WorkerRow]:
        """All workers, living and expected."""
        return self._workers.rows()

    def queue_lengths(self) -> dict[str, int]:
        """How many jobs wait for a worker, by model."""
        return {model: len(queue) for model, queue in self._dispatcher.queues.items()}

    def served_models(self) -> list[ServedModel]:
        """The models of this server."""
        rows = []
        for model in self.settings.models:
            context = max((w.heartbeat.context_tokens for w in self._workers.of_model(model.name)), default=0)
            ready = self._has_ready_worker(model.name)
            rows.append(ServedModel(model.name, model.kinds, model.aliases, context, ready))
        return rows

    def _has_ready_worker(self, model: str) -> bool:
        return any(worker.ready for worker in self._workers.of_model(model))

    def _on_message(self, message: BusMessage | Replayed) -> None:
        match message:
            case Step():
                for event in message.events:
                    self._on_event(message.worker_id, event)
            case Heartbeat():
                self._on_heartbeat(message)
            case ProbeEcho():
                self._on_probe_echo(message)
            case Replayed():
                self._on_replayed(message)
            case Roster():
                for worker in self._workers.read_roster(message):
                    self._lose(worker, "it exited")
                self._fail_hopeless()
            case _:
                assert_never(message)

    def _on_event(self, worker_id: str, event: Event) -> None:
        job = self._jobs.get(event.job_id)
        if job is None or job.worker_id != worker_id or event.seq < job.next_seq:
            return
        if event.seq > job.next_seq:
            self._ask_replay(job)
            return
        job.next_seq += 1
        payload = event.payload
        if job.state is JobState.DISPATCHED:
            job.move(JobState.RUNNING)
        if isinstance(payload, Tokens):  # nearly all of them are
            job.deliver(payload)
        elif isinstance(payload, Done | Failed):
            self._end(job, payload)
        elif not (isinstance(payload, Started) and job.started):
            job.deliver(payload)

    def _end(self, job: Job, payload: Done | Failed) -> None:
        """The worker has said its last word about a job."""
        worker = self._close(job, payload)
        if worker is not None:
            self._link.send(worker.worker_id, Acknowledge([job.wire_id]))
            self._dispatcher.dispatch_after(job)

    def _ask_replay(self, job: Job) -> None:
        """Some events were lost on the bus; what follows the gap is ignored until they have come again."""
        now_s = time.monotonic()
        if job.worker_id is not None and now_s - job.replay_asked_at_s >= REPLAY_AGAIN_S:
            job.replay_asked_at_s = now_s
            log.warning("events lost; asking again", extra={"job": job.job_id, "from": job.next_seq})
            self._link.send(job.worker_id, Replay(job.wire_id, job.next_seq))

    def _on_replayed(self, message: Replayed) -> None:
        job = self._jobs.get(message.job_id)
        if job is None or job.worker_id != message.worker_id:
            return
        if not message.known:
            self._requeue(job)
            return
        for event in message.events:
            self._on_event(message.worker_id, event)

    def _on_heartbeat(self, heartbeat: Heartbeat) -> None:
        worker, replaced = self._workers.hear(heartbeat)
        for other in replaced:
            self._lose(other, "it was replaced")
        if not worker.confirmed:
            self._prober.probe(worker)
            return
        self._compare_jobs(worker, heartbeat)
        if worker.has_room:
            self._dispatcher.dispatch(heartbeat.model)

    def _compare_jobs(self, worker: Worker, heartbeat: Heartbeat) -> None:
        """Find what was lost without a trace: ends of jobs, submissions, cancellations."""
        now_s = time.monotonic()
        for job in list(worker.jobs.values()):
            self._dispatcher.queues[job.request.model].settle(job)
            last_seq = heartbeat.jobs.get(job.wire_id)
            if last_seq is None:
                if job.dispatched_at_s is not None and now_s - job.dispatched_at_s > LOST_SUBMIT_S:
                    self._requeue(job)
            elif last_seq >= job.next_seq:
                self._ask_replay(job)
        for job_id in heartbeat.jobs:
            if job_id not in worker.jobs:
                self._link.send(worker.worker_id, Cancel(job_id))

    def _on_probe_echo(self, echo: ProbeEcho) -> None:
        worker = self._prober.confirm(echo)
        if worker is not None:
            self._dispatcher.dispatch(worker.heartbeat.model)

    def _lose(self, worker: Worker, why: str) -> None:
        """A worker is dead: its jobs go to others, but for those that seem to have killed it."""
        self._workers.remove(worker)
        self.worker_losses[worker.heartbeat.model] += 1
        name = worker.heartbeat.worker_name
        log.warning("worker lost", extra={"worker": name, "reason": why, "jobs": len(worker.jobs)})
        for job in reversed(list(worker.jobs.values())):  # each goes to the front of the queue
            job.losses += 1
            job.crashes += job.state is JobState.RUNNING
            if job.crashes >= MOST_CRASHES or job.losses >= MOST_LOSSES:
                message = f"{job.losses} workers died while they had this request, so it is not tried again"
                self._end(job, Failed(500, message, None, "worker_died"))
            else:
                self._put_back(job)
        if worker.jobs:
            self._dispatcher.dispatch(worker.heartbeat.model)

    def _requeue(self, job: Job) -> None:
        """Let another worker go on with a job, from the tokens that have already been sent."""
        self._put_back(job)
        self._dispatcher.dispatch(job.request.model)

    def _put_back(self, job: Job) -> None:
        self.failovers[job.request.model] += 1
        self._dispatcher.put_back(job)

    def _fail_hopeless(self) -> None:
        for name, queue in self._dispatcher.queues.items():
            reason = self._workers.hopeless(name) if len(queue) else None
            for job in list(queue) if reason is not None else ():
                self._end(job, Failed(503, f"no worker can serve {name!r}: {reason}", "model", "no_worker"))

    def _clear(self, worker: Worker) -> None:
        """A worker that is to end has had its time: its jobs go on in others."""
        jobs = list(worker.jobs.values())
        log.info("jobs moved", extra={"worker": worker.heartbeat.worker_name, "jobs": len(jobs)})
        for job in reversed(jobs):
            self._link.send(worker.worker_id, Cancel(job.wire_id))
            self._put_back(job)
        self._dispatcher.dispatch(worker.heartbeat.model)

    async def _tick(self) -> None:
        """What no message sets off: silent workers, probes without an answer."""
        while True:
            before_s = time.monotonic()
            await asyncio.sleep(TICK_S)
            if time.monotonic() - before_s > STALLED_S:
                self._workers.forgive()
            for worker in self._workers.overdue(self.settings.drain_timeout_s):
                self._clear(worker)
            for worker in self._workers.silent():
                self._lose(worker, "its heartbeats stopped")
            self._prober.probe_all()
