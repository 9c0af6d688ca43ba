"""The jobs behind one request, from their submission to their end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Self, assert_never

from router.http.error_handlers import CLIENT_CLOSED_REQUEST
from router.http.request_record import RequestRecord
from router.jobs.broker import Broker
from router.jobs.consumption import Consumption, consumed_by
from router.jobs.job import Blob, Job, JobRequest, JobState
from router.jobs.limits import lower_priority
from router.schemas.errors import ApiError
from router.schemas.scheduling import NOTHING_ASKED, SchedulingFields
from shared.kinds import kind_of
from shared.settings import ModelSettings, ServerSettings
from shared.wire.jobs import ImageJob, SpeechJob, TextJob, Work
from shared.wire.payloads import Failed, Payload

Batch = tuple[int, list[Payload]]


class SubmittedRequest:
    """One job for each choice, whose events it brings together. The jobs are submitted by ``async with``.

    Its end closes the request, which cancels what still runs, unless a response has taken it over: whoever calls
    :meth:`release` closes it later.

    All ``works`` are of one kind; each gets the same ``blobs``. ``scheduling`` holds the request's priority and
    timeout. ``choices_per_prompt`` jobs in a row have the same prompt. ``on_close`` is called once, when it is closed.
    ``cancelled`` says that its user cancelled it.

    Raises:
        ApiError: the model is unknown (404), there are more choices than can ever wait or more time is asked for than
            allowed (400). On entering: the queue is full (429) or no worker can do it (503); no job is left over.
    """

    def __init__(
        self,
        broker: Broker,
        record: RequestRecord,
        model: str | None,
        works: Sequence[Work],
        blobs: tuple[Blob, ...] = (),
        scheduling: SchedulingFields = NOTHING_ASKED,
        choices_per_prompt: int = 1,
    ) -> None:
        self.kind = kind_of(works[0])
        served = broker.find_model(model, self.kind)
        _check_choices(len(works), broker.settings, served)
        timeout_s = scheduling.timeout_s(broker.settings.default_timeout_s, broker.settings.max_timeout_s)
        priority = lower_priority(scheduling.asked_priority(), record.limits.priority)
        self.model = served.name
        self.created = int(time.time())
        self.record = record
        self.cancelled = False
        self.on_close: Callable[[], None] | None = None
        self.jobs: list[Job] = []
        self._broker = broker
        self._job_requests = [
            JobRequest(record.request_id, record.user, self.model, work, blobs, record.limits, priority, timeout_s)
            for work in works
        ]
        self._merged: asyncio.Queue[Batch] = asyncio.Queue()
        self._readers: list[asyncio.Task[None]] = []
        self._unfinished = len(works)
        self._choices_per_prompt = choices_per_prompt
        self._released = False
        record.model = self.model
        record.kind = self.kind
        if broker.settings.log_prompts:
            record.prompts = [_prompt_of(work) for work in works[::choices_per_prompt]]

    async def __aenter__(self) -> Self:
        """Submit the jobs."""
        try:
            for job_request in self._job_requests:
                self.jobs.append(self._broker.submit(job_request))
        except BaseException:
            self._cancel_jobs()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the request, unless it was released."""
        if not self._released:
            self.close()

    def release(self) -> None:
        """Leave it open at the end of the ``async with``: a response goes on with it, and closes it."""
        self._released = True

    @property
    def queue_position(self) -> int:
        """Where the first choice stood in the queue when it was accepted; 0 if it was begun at once."""
        return self.jobs[0].queue_position

    def position(self) -> int:
        """Where the first choice to be begun stands in the queue now; 0 if one is begun."""
        positions = [self._broker.position(job) if job.state is JobState.QUEUED else 0 for job in self.jobs]
        return min(positions)

    @property
    def consumed(self) -> Consumption:
        """What the jobs have used so far."""
        return consumed_by(self.jobs, self._choices_per_prompt)

    def check_done(self) -> None:
        """Make sure that all choices have ended well.

        Raises:
            ApiError: a choice failed, or was stopped by its user or by the server.
        """
        for job in self.jobs:
            if job.failed is not None:
                raise ApiError.from_job(job.failed)
            if job.done is None and self.cancelled:
                message = f"this request was cancelled by DELETE /v1/jobs/{self.record.answer_id}"
                # Not 409: clients try that one again by themselves.
                raise ApiError(CLIENT_CLOSED_REQUEST, message, code="cancelled")
            if job.done is None:
                raise ApiError(503, "the server stopped this request before it was done; try again")

    async def next_batch(self) -> Batch | None:
        """A choice's index and its events since its last batch; ``None`` once all choices have ended."""
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
        """Each event with the index of its choice, until all choices are done.

        Raises:
            ApiError: a choice failed, or was stopped by its user or by the server.
        """
        while (batch := await self.next_batch()) is not None:
            choice, payloads = batch
            for payload in payloads:
                if isinstance(payload, Failed):
                    raise ApiError.from_job(payload)
                yield choice, payload
        self.check_done()

    def cancel(self) -> None:
        """Its user wants no more of it: what still runs is stopped, and whoever reads the events gets to know why."""
        if not all(job.ended for job in self.jobs):
            self.cancelled = True
            self._cancel_jobs()

    def close(self) -> None:
        """Cancel what still runs, which frees its slots, and enter the facts into the request's record.

        It may be called more than once.
        """
        for reader in self._readers:
            reader.cancel()
        self._cancel_jobs()
        self._enter_facts()
        if self.on_close is not None:
            on_close, self.on_close = self.on_close, None
            on_close()

    def _cancel_jobs(self) -> None:
        for job in self.jobs:
            self._broker.cancel(job)

    async def _read(self, choice: int) -> None:
        payloads: list[Payload] | None = None
        while payloads != []:
            payloads = await self.jobs[choice].next_payloads()
            self._merged.put_nowait((choice, payloads))

    def _enter_facts(self) -> None:
        record = self.record
        record.jobs = self.jobs
        record.consumed = self.consumed
        firsts_s = [job.first_token_at_s - job.created_at_s for job in self.jobs if job.first_token_at_s is not None]
        record.ttft_s = min(firsts_s, default=None)
        record.worker = ",".join(dict.fromkeys(job.worker_id for job in self.jobs if job.worker_id)) or None
        if any(job.state is JobState.FAILED for job in self.jobs):
            record.outcome = "failed"
        else:
            record.outcome = "done" if all(job.done is not None for job in self.jobs) else "cancelled"


def _check_choices(count: int, settings: ServerSettings, served: ModelSettings) -> None:
    """Refuse more choices than can ever run and wait at once.

    Raises:
        ApiError: 400.
    """
    limit = settings.queue_limit + served.slots * served.workers
    if count > limit:
        message = f"n: expected at most {limit} choices over all prompts, which can run and wait at once, got {count}"
        raise ApiError(400, message, "n")


def _prompt_of(work: Work) -> Any:
    """What the request says to the model: text, token ids or a chat's messages."""
    match work:
        case TextJob():
            return next(given for given in (work.prompt, work.prompt_tokens, work.messages, "") if given is not None)
        case ImageJob() | SpeechJob():
            return work.prompt
        case other:
            assert_never(other)
