"""Resumable streams that outlive the router: the next run goes on with them from the events that workers have."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from router.answers.event_stream import ChunkWriter
from router.answers.registry import JobRegistry
from router.answers.submission import SubmittedRequest
from router.answers.ticket import Ticket
from router.http.request_record import RequestRecord
from router.jobs.broker import Broker
from router.jobs.refusals import Refused
from router.schemas.errors import ApiError
from shared.wire.messages import Orphan
from shared.wire.work import PackedWork, unpack

RestoreWriter = Callable[[bytes, SubmittedRequest], ChunkWriter]
"""Makes the writer of a stream's chunks from its ticket's ``rendering``. Raises ValueError if it cannot be read."""

log = logging.getLogger("nexa.router")


class Restorer:
    """Rebuilds streams from their tickets.

    Args:
        broker: has the jobs.
        registry: gets the streams, which wait there for their clients.
        writers: makes the writers of the chunks, by the paths of the endpoints.
        on_end: called with the record of a stream that has ended, its endpoint's path and when it was restored.
    """

    def __init__(
        self,
        broker: Broker,
        registry: JobRegistry,
        writers: Mapping[str, RestoreWriter],
        on_end: Callable[[RequestRecord, str, float], None],
    ) -> None:
        self._broker = broker
        self._registry = registry
        self._writers = writers
        self._on_end = on_end

    def restore(self, worker_id: str, orphan: Orphan) -> bool:
        """Go on with the stream of a job, or return False. A counted one was logged by an earlier run."""
        submit = orphan.submit
        try:
            ticket = Ticket.decode(submit.ticket)
            writer = self._writers[ticket.path]
            record = ticket.record()
            packed = PackedWork(unpack(orphan.work, submit.seed), orphan.work)
            request = ticket.job_request(record, submit, packed)
            submitted = SubmittedRequest.adopted(self._broker, record, worker_id, submit, request, ticket.created)
            try:
                chunks = writer(ticket.rendering, submitted)
                self._registry.keep(submitted, chunks, has_reader=False, background=ticket.background)
            except BaseException:
                submitted.close()
                raise
        except (ValueError, KeyError, Refused, ApiError) as error:
            log.warning("stream of an earlier router not restored", extra={"job": submit.job_id, "reason": str(error)})
            return False
        started_at_s = time.monotonic()
        if not orphan.counted:
            record.answer_sent(lambda: self._on_end(record, ticket.path, started_at_s))
        log.info("stream of an earlier router restored", extra={"id": ticket.request_id, "user": ticket.user})
        return True
