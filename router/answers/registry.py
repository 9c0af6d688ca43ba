"""Registry of running requests and resumable streams, by job id."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from router.answers.event_stream import ChunkWriter
from router.answers.resumable_stream import ResumableStream
from router.answers.submission import SubmittedRequest
from router.http.request_record import RequestRecord
from router.jobs.job import JobState
from router.schemas.errors import ApiError
from router.schemas.jobs import EntryState
from router.schemas.shown import shown

SETTLE_POLL_S = 0.05
MAX_STREAMS = 64
"""Resumable streams of all users together."""
RETRY_AFTER_S = "5"


@dataclass(frozen=True, slots=True)
class Entry:
    """A running request, or one with a resumable stream that is still kept."""

    submitted: SubmittedRequest
    stream: ResumableStream | None = None

    @property
    def job_id(self) -> str:
        """The id of the answer, by which clients refer to the request."""
        return self.submitted.record.answer_id

    @property
    def user(self) -> str:
        """The user who sent it."""
        return self.submitted.record.user

    @property
    def state(self) -> EntryState:
        """The state of all its choices together."""
        states = {job.state for job in self.submitted.jobs}
        if states <= {JobState.QUEUED, JobState.DISPATCHED}:
            return EntryState.QUEUED
        if not self.ended:
            return EntryState.RUNNING
        if JobState.FAILED in states:
            return EntryState.FAILED
        return EntryState.CANCELLED if JobState.CANCELLED in states else EntryState.DONE

    @property
    def ended(self) -> bool:
        """Whether all of its jobs have ended."""
        return all(job.ended for job in self.submitted.jobs)


class JobRegistry:
    """The requests of this run of the router, by the ids of their answers.

    Each user may have ``streams_per_user`` resumable streams. A stream is kept for ``timeout_s`` without a reader, and
    holds about ``log_bytes`` of events. ``is_active`` says of the id of an API key whether it is still in force.
    """

    def __init__(
        self,
        timeout_s: float,
        log_bytes: int,
        streams_per_user: int,
        is_active: Callable[[str], bool] = lambda key_id: True,
    ) -> None:
        self._timeout_s = timeout_s
        self._log_bytes = log_bytes
        self._streams_per_user = streams_per_user
        self._entries: dict[str, Entry] = {}
        self._is_active = is_active

    def add(self, submitted: SubmittedRequest) -> None:
        """Register a request until it is closed."""
        job_id = submitted.record.answer_id
        self._entries[job_id] = Entry(submitted)
        submitted.on_close = lambda: self._forget(job_id)
        self._cancel_if_revoked(submitted)

    def keep(
        self, submitted: SubmittedRequest, chunks: ChunkWriter, has_reader: bool = True, background: bool = False
    ) -> ResumableStream:
        """Register a request with a resumable stream, and return the stream. The registry closes the request.

        Without ``has_reader``, it waits for its client to come back; in the ``background`` it needs none.

        Raises:
            ApiError: 429, there are too many streams, and each of them has a reader.
        """
        job_id = submitted.record.answer_id
        self._make_room(submitted.record.user)
        stream = ResumableStream(
            submitted, chunks, self._log_bytes, self._timeout_s, lambda: self._forget(job_id), has_reader, background
        )
        self._entries[job_id] = Entry(submitted, stream)
        self._cancel_if_revoked(submitted)
        return stream

    def running(self, job_id: str) -> Entry | None:
        """The request with this id, whoever asks; None if it is not registered."""
        return self._entries.get(job_id)

    def find(self, job_id: str, asking: RequestRecord) -> Entry:
        """The request with this id, if its user or an administrator is asking.

        Raises:
            ApiError: 404, there is none, or it is another user's.
        """
        entry = self._entries.get(job_id)
        if entry is None or not _may_see(asking, entry):
            message = (
                f"job_id: expected one of your jobs, got {shown(job_id)}; only resumable ones are kept after their "
                "end, and those that still waited in the queue do not survive a restart of the router"
            )
            raise ApiError(404, message, "job_id", "job_not_found")
        return entry

    async def find_settled(self, job_id: str, asking: RequestRecord, settled: Callable[[], bool]) -> Entry:
        """As :meth:`find`, but wait for what an earlier run of the router has left until ``settled``.

        Raises:
            ApiError: as :meth:`find`.
        """
        await self.settled(job_id, settled)
        return self.find(job_id, asking)

    async def settled(self, job_id: str, settled: Callable[[], bool]) -> None:
        """Wait until a request is registered, or until ``settled``: an earlier run of the router may have left it."""
        while job_id not in self._entries and not settled():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(SETTLE_POLL_S)

    def visible(self, asking: RequestRecord) -> list[Entry]:
        """The requests that ``asking`` may see: the user's own, or all for an administrator; oldest first."""
        return [entry for entry in self._entries.values() if _may_see(asking, entry)]

    def cancel(self, entry: Entry) -> None:
        """Stop a request, whose client then gets an error, or forget one that has ended."""
        if not entry.ended:
            entry.submitted.cancel()
        elif entry.stream is not None:
            entry.stream.close()

    def end_revoked(self) -> None:
        """End all requests whose keys were revoked, running or queued; their clients get an error."""
        for entry in list(self._entries.values()):
            self._cancel_if_revoked(entry.submitted)

    def close(self) -> None:
        """Close all resumable streams."""
        for stream in self._streams():
            stream.close()

    def _cancel_if_revoked(self, submitted: SubmittedRequest) -> None:
        key_id = submitted.record.key_id
        if key_id and not self._is_active(key_id):
            submitted.cancel(ApiError(401, "this request's API key was revoked", code="invalid_api_key"))

    def _forget(self, job_id: str) -> None:
        self._entries.pop(job_id, None)

    def _make_room(self, user: str) -> None:
        """Close streams until there is room for one more."""
        own = [stream for stream in self._streams() if stream.submitted.record.user == user and not stream.goes_on]
        refusal = f"you have {len(own)} resumable streams, which is the limit (--resume-streams)"
        _close_oldest(own, self._streams_per_user, refusal)
        streams = [stream for stream in self._streams() if not stream.goes_on]
        _close_oldest(streams, MAX_STREAMS, f"{len(streams)} resumable streams are open, which is the limit")

    def _streams(self) -> list[ResumableStream]:
        return [entry.stream for entry in self._entries.values() if entry.stream is not None]


def _may_see(asking: RequestRecord, entry: Entry) -> bool:
    return asking.admin or entry.user == asking.user


def _close_oldest(streams: Iterable[ResumableStream], limit: int, refusal: str) -> None:
    """Close streams without a reader until fewer than ``limit`` remain: fully sent ones first, then the oldest.

    Raises:
        ApiError: 429, all have readers.
    """
    kept = list(streams)
    while len(kept) >= limit:
        detached = [stream for stream in kept if stream.reader is None]
        if not detached:
            headers = {"Retry-After": RETRY_AFTER_S}
            message = f"{refusal}; try again without X-Resumable, or later"
            raise ApiError(429, message, code="too_many_streams", headers=headers)
        oldest = min(detached, key=lambda stream: (not stream.fully_sent, stream.detached_at_s))
        oldest.close()
        kept.remove(oldest)
