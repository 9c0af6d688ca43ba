"""The jobs behind one request, from their submission to their end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, assert_never

from router.answers.media.naming import renamed
from router.answers.ticket import Ticket
from router.http.error_handlers import CLIENT_CLOSED_REQUEST
from router.http.request_record import RequestRecord, TokenMeter
from router.jobs.broker import Broker
from router.jobs.consumption import Consumption, consumed_by, expected_tokens, held_tokens
from router.jobs.job import Blob, Job, JobRequest, JobState
from router.jobs.limits import UserLimits, lower_priority
from router.schemas.errors import ApiError
from router.schemas.scheduling import DEFAULT_SCHEDULING, Scheduling
from router.schemas.text.lora import with_settled_adapters
from shared.kinds import kind_of
from shared.settings import ModelSettings, ServerSettings
from shared.wire.jobs import EmbedJob, ImageJob, RerankJob, SpeechJob, TextJob, TokenizeJob, UpscaleJob, Work
from shared.wire.messages import Submit
from shared.wire.payloads import Failed, Payload
from shared.wire.work import pack_all

Batch = tuple[int, list[Payload]]


class SubmittedRequest:
    """A request's jobs, one for each choice, with their events merged. ``async with`` submits the jobs.

    Leaving ``async with`` closes the request, which cancels jobs that still run. A response that outlives the block
    calls :meth:`release`, and closes the request itself.

    ``choices`` has the work of each choice, all of one kind; they share the ``blobs``, whose hashes may be in
    ``digests``, and whose ``fields`` are those of the request, by what workers call them. Each run of
    ``choices_per_prompt`` choices has the same prompt. With ``queued_as_one``, the limits of waiting requests count the
    first choice only. ``notes`` are warnings that the request itself gives cause for. ``on_close`` is called once, when
    the request is closed. ``cancelled`` is the error that readers get once the request was cancelled.

    Whether the user's key may use the model, and has tokens left, is checked here: every endpoint's requests come here.

    Raises:
        Refused: the model is not served, or not to this key. On entering: the queue is full, no worker can run it,
            or the key has used its tokens of today; no job is left.
        ApiError: 400, more choices than the server can run and queue at once, a longer timeout than allowed, or an
            adapter that the model does not have.
    """

    def __init__(
        self,
        broker: Broker,
        record: RequestRecord,
        model: str | None,
        choices: Sequence[Work],
        blobs: tuple[Blob, ...] = (),
        scheduling: Scheduling = DEFAULT_SCHEDULING,
        choices_per_prompt: int = 1,
        queued_as_one: bool = False,
        notes: Sequence[str] = (),
        digests: tuple[bytes, ...] = (),
        fields: Mapping[str, str] | None = None,
    ) -> None:
        self.kind = kind_of(choices[0])
        served = broker.find_model(model, self.kind, record.limits)
        choices = with_settled_adapters(choices, served, model)
        if not queued_as_one:
            _check_choices(len(choices), record.limits, broker.settings, served)
        default_timeout_s = 0.0 if record.unhurried else broker.settings.default_timeout_s
        timeout_s = scheduling.timeout_s(default_timeout_s, broker.settings.max_timeout_s)
        priority = lower_priority(scheduling.requested_priority(), record.limits.priority)
        self.model = served.name
        self.created = int(time.time())
        self.record = record
        self.cancelled: ApiError | None = None
        self.on_close: Callable[[], None] | None = None
        self.jobs: list[Job] = []
        self._broker = broker
        self._job_requests = [
            JobRequest(
                request_id=record.request_id,
                user=record.user,
                network=record.network,
                model=self.model,
                work=work,
                blobs=blobs,
                digests=digests,
                limits=record.limits,
                priority=priority,
                timeout_s=timeout_s,
                follows=queued_as_one and index > 0,
                packed=packed,
            )
            for index, (work, packed) in enumerate(zip(choices, pack_all(choices), strict=True))
        ]
        self._merged: asyncio.Queue[Batch] = asyncio.Queue()
        self._readers: list[asyncio.Task[None]] = []
        self._unfinished = len(choices)
        self._choices_per_prompt = choices_per_prompt
        self._notes = notes
        self._fields = fields or {}
        self._released = False
        record.model = self.model
        record.kind = self.kind
        if broker.settings.log_prompts:
            record.prompts = [_prompt_of(work) for work in choices[::choices_per_prompt]]

    @classmethod
    def adopted(
        cls,
        broker: Broker,
        record: RequestRecord,
        worker_id: str,
        submit: Submit,
        job_request: JobRequest,
        created: int,
    ) -> SubmittedRequest:
        """A request of an earlier run of the router, whose job a worker has.

        Raises:
            Refused: the model is not served, or the worker is gone.
        """
        adopted = cls(broker, record, job_request.model, [job_request.work])
        adopted.created = created
        adopted.jobs = [broker.adopt(worker_id, submit, job_request)]
        return adopted

    def outlive_router(self, path: str, rendering: bytes, background: bool = False) -> None:
        """Let the next run of the router go on with this stream, if it has one job, whose events are in a fixed order.

        ``path`` is the endpoint's, ``rendering`` what the writer of its chunks needs. A stream in the ``background``
        needs no client.
        """
        if len(self._job_requests) == 1:
            (request,) = self._job_requests
            ticket = Ticket.of(path, rendering, self.record, request, self.created, background).encode()
            self._job_requests = [replace(request, ticket=ticket, keep_s=self._broker.settings.resume_timeout_s)]

    async def __aenter__(self) -> Self:
        """Submit the jobs."""
        if self.record.meter is not None:
            self._admit_by(self.record.meter)
        try:
            for job_request in self._job_requests:
                self.jobs.append(self._broker.submit(job_request))
        except BaseException:
            self._cancel_jobs()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the request unless it was released."""
        if not self._released:
            self.close()

    def release(self) -> None:
        """Keep the request open after ``async with``: from now on the response owns it and closes it."""
        self._released = True

    @property
    def queue_position(self) -> int:
        """The first choice's position in the queue when it was accepted; 0 if it was dispatched at once."""
        return self.jobs[0].queue_position

    def position(self) -> int:
        """The current position in the queue of the foremost choice; 0 if one was dispatched."""
        positions = [self._broker.position(job) if job.state is JobState.QUEUED else 0 for job in self.jobs]
        return min(positions)

    def loading(self) -> float | None:
        """How much of the model is loaded, 0 to 1, while it loads and nothing else could take the request."""
        return self._broker.loading(self.model)

    @property
    def warnings(self) -> list[str]:
        """What the request asks for and does not get, as far as it is known: jobs tell when they begin."""
        begun = [job.begun for job in self.jobs if job.begun is not None]
        return list(dict.fromkeys([*self._notes, *(warning for started in begun for warning in started.warnings)]))

    @property
    def consumed(self) -> Consumption:
        """What the jobs have used so far."""
        return consumed_by(self.jobs, self._choices_per_prompt)

    def error_of(self, failed: Failed) -> ApiError:
        """The error that ended a job, in the words of the request."""
        return ApiError.from_job(renamed(failed, self._fields))

    def check_done(self) -> None:
        """Check that all choices are done.

        Raises:
            ApiError: a choice failed, or was stopped by its user or by the server.
        """
        for job in self.jobs:
            if job.failed is not None:
                raise self.error_of(job.failed)
            if job.done is None and self.cancelled is not None:
                raise self.cancelled
            if job.done is None:
                raise ApiError(503, "the server stopped this request before it finished; try again")

    async def next_batch(self) -> Batch | None:
        """The index of a choice and its new events; ``None`` once all choices have ended."""
        if len(self.jobs) == 1:
            payloads = await self.jobs[0].next_payloads()
            return (0, payloads) if payloads else None
        if not self._readers:
            self._readers = [asyncio.ensure_future(self._read(choice)) for choice in range(len(self.jobs))]
        while self._unfinished:
            choice, payloads = await self._merged.get()
            if payloads:
                return choice, payloads
            self._unfinished -= 1
        return None

    async def events(self) -> AsyncIterator[tuple[int, Payload]]:
        """Yield each event with the index of its choice, until all choices are done.

        Raises:
            ApiError: a choice failed, or was stopped by its user or by the server.
        """
        while (batch := await self.next_batch()) is not None:
            choice, payloads = batch
            for payload in payloads:
                if isinstance(payload, Failed):
                    raise self.error_of(payload)
                yield choice, payload
        self.check_done()

    def cancel(self, reason: ApiError | None = None) -> None:
        """Stop the jobs; readers of the events get ``reason``, or else an error that says that the user did it."""
        if not all(job.ended for job in self.jobs):
            message = f"this request was cancelled by DELETE /v1/jobs/{self.record.answer_id}"
            # Not 409, which clients retry.
            self.cancelled = reason or ApiError(CLIENT_CLOSED_REQUEST, message, code="cancelled")
            self._cancel_jobs()

    def close(self) -> None:
        """Cancel jobs that still run, which frees their slots, and complete the request's record. Idempotent."""
        for reader in self._readers:
            reader.cancel()
        self._cancel_jobs()
        self._complete_record()
        if self.on_close is not None:
            on_close, self.on_close = self.on_close, None
            on_close()

    def forget_events(self) -> None:
        """Let workers forget the events of the ended jobs: no later run of the router needs them."""
        for job in self.jobs:
            self._broker.release(job)

    def _admit_by(self, meter: TokenMeter) -> None:
        expected = expected_tokens(self._job_requests, self._choices_per_prompt)
        if expected is not None:
            meter.admit(self.record, lambda: held_tokens(self.jobs, expected, self._choices_per_prompt))

    def _cancel_jobs(self) -> None:
        for job in self.jobs:
            self._broker.cancel(job)

    async def _read(self, choice: int) -> None:
        payloads: list[Payload] | None = None
        while payloads != []:
            payloads = await self.jobs[choice].next_payloads()
            self._merged.put_nowait((choice, payloads))

    def _complete_record(self) -> None:
        record = self.record
        record.jobs = self.jobs
        record.consumed = self.consumed
        record.warnings = self.warnings
        firsts_s = [job.first_token_at_s - job.created_at_s for job in self.jobs if job.first_token_at_s is not None]
        record.ttft_s = min(firsts_s, default=None)
        record.worker = ",".join(dict.fromkeys(job.worker_id for job in self.jobs if job.worker_id)) or None
        if any(job.state is JobState.FAILED for job in self.jobs):
            record.outcome = "failed"
        else:
            record.outcome = "done" if all(job.done is not None for job in self.jobs) else "cancelled"


def _check_choices(count: int, limits: UserLimits, settings: ServerSettings, served: ModelSettings) -> None:
    """Check that the server can run and queue all choices of this user at the same time.

    Raises:
        ApiError: 400.
    """
    queued = settings.queued_per_user if limits.max_queued is None else limits.max_queued
    limit = min(queued, settings.queue_limit) + served.slots * served.workers
    if count > limit:
        limits_of = "the server's slots and your part of its queue"
        message = f"n: expected at most {limit} choices over all prompts ({limits_of}), got {count}"
        raise ApiError(400, message, "n")


def _prompt_of(work: Work) -> Any:
    """The prompt for the log: text, token ids or a chat's messages."""
    match work:
        case TextJob():
            return next(given for given in (work.prompt, work.prompt_tokens, work.messages, "") if given is not None)
        case TokenizeJob():
            return _prompt_of(work.text)
        case ImageJob() | SpeechJob():
            return work.prompt
        case UpscaleJob():
            return ""
        case EmbedJob():
            return work.inputs
        case RerankJob():
            return {"query": work.query, "documents": work.documents}
        case other:
            assert_never(other)
