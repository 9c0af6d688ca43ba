"""The entry to this package: submits and cancels jobs, and reports on models, queues and workers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from router.jobs.admission import Admission
from router.jobs.completion import Completion
from router.jobs.dispatch import Dispatcher
from router.jobs.failover import Failover
from router.jobs.job import Job, JobRequest, JobState
from router.jobs.limits import UNLIMITED, UserLimits
from router.jobs.lines import UserShare
from router.jobs.receiver import Receiver, Restore
from router.jobs.refusals import RefusalReason, Refused, no_worker
from router.jobs.residency.controller import ResidencyController
from router.jobs.residency.fitted import FittedNeeds
from router.jobs.residency.loading import loading_share, stage_words
from router.jobs.residency.needs import NeedsSource
from router.jobs.served import ServedModel, adapter_names, allowed_models, find_model, find_named
from router.jobs.workers.control import WorkerControl
from router.jobs.workers.history import WorkerEvent, WorkerHistory
from router.jobs.workers.link import RouterLink
from router.jobs.workers.media import media_taken
from router.jobs.workers.probing import Prober
from router.jobs.workers.rows import WorkerRow
from router.jobs.workers.table import WorkerTable
from shared.kinds import JobKind
from shared.memory.measured import FILE_NAME as MEASURED_FILE
from shared.memory.measured import MeasuredMemory
from shared.settings import ModelSettings, ServerSettings
from shared.wire.messages import Cancel, Heartbeat, Submit
from shared.wire.payloads import Failed
from shared.wire.supervision import DeviceBudget, WorkerState
from shared.wire.transport import MAX_BLOB_BYTES, Endpoints
from shared.wire.work import WorkTooLarge

log = logging.getLogger("nexa.router.jobs")

SETTLE_S = 5.0
"""Time after the start in which jobs of an earlier run of the router may be found."""
TICK_S = 0.1
"""Time between two checks for what no message triggers."""
MAX_TOLD_STAND_INS = 100
"""Names that stand for served models are logged once each, and no more than these."""
STALLED_S = 0.5
"""If the router itself stood still for this long (it was busy, or the machine slept), no worker counts as silent."""


class Broker:
    """Owns every job of one run of the router, from acceptance to its end."""

    def __init__(self, settings: ServerSettings, needs: NeedsSource | None = None) -> None:
        self.settings = settings
        router_id = secrets.token_hex(8)
        self._link = link = RouterLink(router_id, Endpoints.in_folder(Path(settings.run_folder)))
        self._workers = workers = WorkerTable()
        self.control = WorkerControl(workers, link)
        self._prober = Prober(router_id, link, workers)
        self._dispatcher = Dispatcher(settings.models, router_id, link, workers)
        self._admission = Admission(workers, self._dispatcher, settings.queue_limit, settings.queued_per_user)
        self._completion = Completion(self._dispatcher, link)
        self._failover = Failover(workers, self._dispatcher, self._completion, link)
        self._receiver = Receiver(
            router_id,
            workers,
            self._prober,
            self._dispatcher,
            self._completion,
            self._failover,
            link,
            is_ready=lambda: self.readiness()[0],
        )
        needs = needs or FittedNeeds(_measured(settings))
        self.residency = ResidencyController(
            lambda: self.settings, workers, self._dispatcher, self._failover, link, needs
        )
        self.control.take_back = self.residency.take_back
        self._rename: Callable[[tuple[ModelSettings, ...]], tuple[ModelSettings, ...]] = lambda models: models
        self._models = settings.models
        self._history = WorkerHistory()
        self._started_at_s = time.monotonic()
        self._stand_ins: set[str] = set()
        self._ticker: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Bind the sockets and begin to dispatch."""
        self._link.open(self._receiver.receive)
        self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Cancel the remaining jobs and close the sockets."""
        for job in list(self._dispatcher.jobs.values()):
            self.cancel(job)
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        await self.residency.close()
        self._link.close()

    @property
    def models(self) -> tuple[ModelSettings, ...]:
        """The served models, without the further names that clients have given them."""
        return self._models

    def set_models(self, models: tuple[ModelSettings, ...]) -> None:
        """Serve these models from now on. Jobs of others go on; a worker of theirs leaves when it has none."""
        self._models = models
        for model in models:
            self._dispatcher.lines.add(model.name)
        self.settings = self.settings.model_copy(update={"models": self._rename(models)})

    def rename_with(self, rename: Callable[[tuple[ModelSettings, ...]], tuple[ModelSettings, ...]]) -> None:
        """Let ``rename`` give the served models further names, now and whenever they change."""
        self._rename = rename
        self.set_models(self._models)

    def find_model(self, name: str | None, kind: JobKind, limits: UserLimits = UNLIMITED) -> ModelSettings:
        """Find a served model by name or alias; without a name, the first model of this kind that ``limits`` allow.

        Raises:
            Refused: no such model is served, or ``limits`` do not allow it.
        """
        model = find_model(self.settings.models, name, kind, self.settings.strict_names, limits)
        if name and len(self._stand_ins) < MAX_TOLD_STAND_INS and name not in self._stand_ins:
            self._tell_stand_in(name, model)
        return model

    def models_for(self, limits: UserLimits) -> Sequence[ModelSettings]:
        """The served models that a user with these limits may use."""
        return allowed_models(self.settings.models, limits)

    def submit(self, request: JobRequest) -> Job:
        """Check a job, queue it, and give it to a worker if one is free.

        Raises:
            Refused: too many jobs are queued, in total or of this user, or no worker of the model will ever be ready;
                or the job is too large for a worker.
        """
        job = Job(job_id=f"{request.request_id}-{secrets.token_hex(4)}", request=request)
        job.reserved = self._admission.check(job)
        _check_size(job)
        self._dispatcher.add(job)
        self._watch_deadline(job)
        return job

    def adopt_with(self, restore: Restore) -> None:
        """Call ``restore`` for each job of an earlier run of the router."""
        self._receiver.restore = restore

    def adopt(self, worker_id: str, submit: Submit, request: JobRequest) -> Job:
        """Go on with a job that this worker has. ``request.timeout_s`` counts from now.

        Raises:
            Refused: the worker is gone.
        """
        worker = self._workers.get(worker_id)
        if worker is None:
            raise no_worker(request.model, "it has just exited")
        job = Job(job_id=submit.job_id, request=request)
        for payload in submit.earlier:
            job.deliver(payload)
        self._dispatcher.adopt(job, worker)
        self._watch_deadline(job)
        return job

    def release(self, job: Job) -> None:
        """Let the worker of an ended job forget its events: nobody reads them any more."""
        if job.request.ticket and job.worker_id is not None:
            self._link.send(job.worker_id, Cancel(job.wire_id))

    @property
    def settled(self) -> bool:
        """Whether the jobs of an earlier run of the router have been found, or none can be expected any more."""
        return self._workers.settled or time.monotonic() - self._started_at_s > SETTLE_S

    def position(self, job: Job) -> int:
        """The approximate place of a job in the queue, from 1; 0 if it does not wait."""
        waits = job.state is JobState.QUEUED
        return self._dispatcher.lines.of(job.request).queue.position(job) if waits else 0

    def loading(self, model: str) -> float | None:
        """The loaded share of a model that loads, 0 to 1; None if it is ready, or does not load."""
        return loading_share(row for row in self.workers() if row.model == model)

    def hopeless(self, model: str) -> str | None:
        """Why no worker of this model will be ready, as far as is known; None if one may be."""
        return self._workers.hopeless(model)

    def misfit(self, model: str) -> str | None:
        """Why a model does not fit into the memory at all; None if it does, as far as is known."""
        return self._workers.unfit.get(model)

    def cancel(self, job: Job) -> None:
        """End a job whose client is gone, and free what it holds; an ended job stays as it is."""
        if not job.ended:
            self._completion.stop(job)

    def readiness(self) -> tuple[bool, dict[str, str]]:
        """Whether every model that is loaded at the start has a ready worker, and the states of the workers of each of
        them that has none.
        """
        missing = {
            model.name: self._workers.missing(model.name)
            for model in self.settings.models
            if model.load == "start" and not self._has_ready_worker(model.name)
        }
        return not missing, missing

    def workers(self) -> list[WorkerRow]:
        """All workers, running and expected, and the empty places of served models."""
        served = {model.name for model in self.settings.models}
        return [row for row in self._workers.rows() if row.model in served or row.state != WorkerState.UNLOADED]

    def queue_lengths(self) -> dict[str, int]:
        """The number of waiting jobs of each model."""
        lines = self._dispatcher.lines
        return {model: sum(len(line.queue) for line in lines.of_model(model)) for model in lines.models}

    def heartbeats(self) -> list[Heartbeat]:
        """The latest one of each running worker."""
        return [worker.heartbeat for worker in self._workers.all()]

    def live_jobs(self) -> list[Job]:
        """All jobs that have not ended."""
        return list(self._dispatcher.jobs.values())

    def worker_events(self, after_s: float, until_s: float) -> list[WorkerEvent]:
        """The workers' changes of state after one time since the epoch and up to another, as far as they are kept."""
        return self._history.between(after_s, until_s)

    def user_shares(self) -> list[UserShare]:
        """Who has waiting or running jobs, by model."""
        return self._dispatcher.lines.shares()

    @property
    def budgets(self) -> Sequence[DeviceBudget]:
        """The memory of each device that models may take together; empty until the supervisor has told it."""
        return self._workers.budgets

    @property
    def failovers(self) -> Counter[str]:
        """Jobs moved from one worker to another, by model."""
        return self._failover.moved_jobs

    @property
    def worker_losses(self) -> Counter[str]:
        """Workers lost, by model."""
        return self._failover.lost_workers

    @property
    def dropped_lines(self) -> dict[str, int]:
        """The lines of the log that the supervisor and each worker could not write, by the process's name."""
        return self._workers.dropped_lines()

    def served_models(self) -> list[ServedModel]:
        """The models of this server."""
        rows = []
        for model in self.settings.models:
            workers = self._workers.of_model(model.name)
            beats = [worker.heartbeat for worker in workers]
            context = max((beat.context_tokens for beat in beats), default=0)
            ready, translates = self._has_ready_worker(model.name), any(beat.translates for beat in beats)
            thinks = any(beat.thinks for beat in beats)
            adapters = adapter_names(self.settings.models, model)
            images = next((beat.images for beat in beats if beat.images is not None), None)
            state = context, ready, translates, thinks, adapters, media_taken(model, workers), images
            rows.append(ServedModel(model.name, model.kinds, model.aliases, *state))
        return rows

    def _tell_stand_in(self, name: str, model: ModelSettings) -> None:
        """Log once that a name which clients have built in means this model."""
        if find_named(self.settings.models, name) is None:
            self._stand_ins.add(name)
            log.info("a client's own name means a served model", extra={"given": name, "model": model.name})

    def _has_ready_worker(self, model: str) -> bool:
        return any(worker.ready for worker in self._workers.of_model(model))

    def _watch_deadline(self, job: Job) -> None:
        if job.request.timeout_s is not None:
            job.deadline = asyncio.get_running_loop().call_later(job.request.timeout_s, self._expire, job)

    def _expire(self, job: Job) -> None:
        """End a job whose deadline has passed."""
        if job.ended:
            return
        model = job.request.model
        stage = stage_words(job.state, model, (row for row in self.workers() if row.model == model))
        message = (
            f"timeout: the request was still {stage} after {job.request.timeout_s:g} s; raise its `timeout` "
            f"(at most {self.settings.max_timeout_s:g} s) or the server's --default-timeout-s"
        )
        self._completion.stop(job, Failed(504, message, "timeout", "deadline_exceeded"))

    async def _tick(self) -> None:
        """Check again and again. A check that fails is logged, and does not end those to come."""
        while True:
            slept_at_s = time.monotonic()
            await asyncio.sleep(TICK_S)
            if time.monotonic() - slept_at_s > STALLED_S or self._link.behind:
                self._workers.reset_silence()
            try:
                self._check()
            except Exception:
                log.exception("check of workers failed")

    def _check(self) -> None:
        """Handle what no message triggers: silent workers, overdue drains, unanswered probes."""
        for worker in self._workers.overdue(self.settings.drain_timeout_s):
            self._failover.evacuate(worker)
        for worker in self._workers.silent():
            self._failover.lose(worker, "its heartbeats stopped")
        self._failover.fail_gone({model.name for model in self.models})
        self._prober.probe_all()
        self._link.keep_bound()
        self._dispatcher.note_absences()
        self._history.note(self.workers(), time.monotonic(), time.time())
        if self.settled:  # what an earlier run has left is not unloaded as unused, or as of a model that is gone
            self.residency.tick()


def _measured(settings: ServerSettings) -> MeasuredMemory:
    return MeasuredMemory(Path(settings.state_folder) / MEASURED_FILE if settings.state_folder else None)


def _check_size(job: Job) -> None:
    """Pack a job for its worker.

    Raises:
        Refused: it is too large.
    """
    largest = max(map(len, job.request.blobs), default=0)
    if largest > MAX_BLOB_BYTES:
        message = f"file: expected up to {MAX_BLOB_BYTES} bytes, got {largest}"
        raise Refused(RefusalReason.REQUEST_TOO_LARGE, message, "file")
    try:
        _ = job.packed.frame
    except WorkTooLarge as error:
        raise Refused(RefusalReason.REQUEST_TOO_LARGE, str(error)) from None
