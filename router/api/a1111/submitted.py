"""A request of Automatic1111's clients for pictures, while it runs: how far it is, and how it is ended early."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from router.answers.submission import Batch
from router.api.images.answer import SubmittedImages
from router.http.error_handlers import CLIENT_CLOSED_REQUEST
from router.http.request_record import RequestRecord
from router.images.store import ImageStore
from router.jobs.broker import Broker
from router.jobs.job import Blob, JobState
from router.schemas.errors import ApiError
from router.schemas.images.request import ImageRequest
from shared.wire.jobs import ImageJob
from shared.wire.payloads import Progress

INTERRUPTED = "this request was interrupted before its first picture was finished"


class SubmittedPainting(SubmittedImages):
    """As :class:`SubmittedImages`. An interrupted request has those pictures that were finished before.

    ``preview`` is a file of the newest unfinished picture, empty without one.

    Raises:
        ApiError: as :class:`SubmittedImages`.
    """

    def __init__(
        self,
        broker: Broker,
        record: RequestRecord,
        body: ImageRequest,
        job: ImageJob,
        blobs: tuple[Blob, ...],
        store: ImageStore,
        url_of: Callable[[str], str],
        notes: Sequence[str],
    ) -> None:
        super().__init__(broker, record, body, job, blobs, store, url_of)
        self._notes = (*self._notes, *notes)
        self.preview = b""
        self.interrupted = False
        self._progress: dict[int, Progress] = {}
        self._skipped: set[int] = set()

    async def next_batch(self) -> Batch | None:
        """As :meth:`SubmittedImages.next_batch`; notes how far the pictures are."""
        batch = await super().next_batch()
        if batch is not None:
            number, payloads = batch
            for payload in payloads:
                if isinstance(payload, Progress):
                    self._progress[number] = payload
                    self.preview = payload.preview or self.preview
        return batch

    async def finish(self) -> None:
        """Wait for the end of all pictures.

        Raises:
            ApiError: a picture failed, the server stopped one, or the request was ended before the first was finished.
        """
        while await self.next_batch() is not None:
            pass
        for job in self.jobs:
            if job.failed is not None:
                raise ApiError.from_job(job.failed)
        if (self.interrupted or self._skipped) and not self.kept:
            raise ApiError(CLIENT_CLOSED_REQUEST, INTERRUPTED, code="cancelled")
        unfinished = {number for number, job in enumerate(self.jobs) if job.done is None}
        if not self.interrupted and not unfinished <= self._skipped:
            self.check_done()

    def interrupt(self) -> None:
        """End the request; its client gets the pictures that are finished."""
        self.interrupted = True
        self.cancel()

    def skip(self) -> None:
        """End the picture that is being painted; its client gets the others."""
        for number, job in enumerate(self.jobs):
            if not job.ended:
                self._skipped.add(number)
                self._broker.cancel(job)
                return

    @property
    def is_painting(self) -> bool:
        """Whether a worker has one of its pictures, or had one already."""
        return any(job.state is not JobState.QUEUED for job in self.jobs)

    @property
    def finished(self) -> int:
        """How many of its pictures have ended."""
        return sum(job.ended for job in self.jobs)

    @property
    def step(self) -> Progress:
        """The step of the picture that is being painted, out of its steps; 0 of them before its first one."""
        numbers = [number for number, job in enumerate(self.jobs) if not job.ended]
        return self._progress.get(numbers[0], Progress(0, 0)) if numbers else Progress(0, 0)

    @property
    def fraction(self) -> float:
        """How much of all its pictures is done, 0 to 1."""
        parts = [
            1.0 if job.ended else step.step / step.steps if (step := self._progress.get(number)) is not None else 0.0
            for number, job in enumerate(self.jobs)
        ]
        return sum(parts) / len(parts) if parts else 0.0

    @property
    def painted_for_s(self) -> float:
        """The time since the first of its pictures was begun, in seconds; 0 before."""
        begun_s = [job.dispatched_at_s for job in self.jobs if job.dispatched_at_s is not None]
        return time.monotonic() - min(begun_s) if begun_s else 0.0
