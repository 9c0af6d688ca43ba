"""What the next run of the router must know of a stream that outlives this one.

Workers keep tickets without reading them (:class:`~shared.wire.messages.Submit`), and give them to the next router.
"""

from __future__ import annotations

import time

import msgspec

from router.http.request_record import RequestRecord
from router.jobs.job import JobRequest
from router.jobs.limits import Priority, UserLimits
from shared.wire.chat_media import media_parts
from shared.wire.codec import Struct
from shared.wire.jobs import TextJob
from shared.wire.messages import Submit
from shared.wire.work import PackedWork


class Ticket(Struct, frozen=True):
    """A streamed request with one job.

    ``path`` is its endpoint's, ``rendering`` what the writer of its chunks needs. ``created`` and ``expires_at_s`` are
    seconds since the epoch. It is ``background`` if it needs no client.
    """

    path: str
    rendering: bytes
    answer_id: str
    request_id: str
    user: str
    key_name: str
    key_id: str
    admin: bool
    limits: UserLimits
    model: str
    created: int
    priority: Priority
    expires_at_s: float | None
    background: bool = False

    @classmethod
    def of(
        cls,
        path: str,
        rendering: bytes,
        record: RequestRecord,
        request: JobRequest,
        created: int,
        background: bool = False,
    ) -> Ticket:
        """The ticket of a request that is about to be submitted."""
        timeout_s = request.timeout_s
        return cls(
            path,
            rendering,
            record.answer_id,
            record.request_id,
            record.user,
            record.key_name,
            record.key_id,
            record.admin,
            record.limits,
            request.model,
            created,
            request.priority,
            None if timeout_s is None else time.time() + timeout_s,
            background,
        )

    @classmethod
    def decode(cls, ticket: bytes) -> Ticket:
        """Read a ticket.

        Raises:
            ValueError: it was written by another version of the router.
        """
        return msgspec.msgpack.decode(ticket, type=cls)

    def encode(self) -> bytes:
        """Pack the ticket."""
        return msgspec.msgpack.encode(self)

    def record(self) -> RequestRecord:
        """The record of the request, which goes on without its connection."""
        record = RequestRecord(
            self.answer_id, self.request_id, self.user, self.key_name, self.key_id, limits=self.limits
        )
        record.admin, record.detached = self.admin, True
        return record

    def job_request(self, record: RequestRecord, submit: Submit, packed: PackedWork) -> JobRequest:
        """What the request asked for. The rest of its time counts from now."""
        return JobRequest(
            request_id=self.request_id,
            user=self.user,
            model=self.model,
            work=packed.work,
            limits=record.limits,
            priority=self.priority,
            timeout_s=None if self.expires_at_s is None else max(self.expires_at_s - time.time(), 0.0),
            ticket=submit.ticket,
            keep_s=submit.keep_s,
            packed=packed,
            lacks_files=isinstance(packed.work, TextJob) and any(media_parts(packed.work.messages)),
        )
