"""A request for a response, with all of its conversation."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request

from router.answers.media.settling import SettledChat, settle_media
from router.conversations.archive import AnswerArchive
from router.http.bodies.byte_budget import share_of
from router.http.request_record import RequestRecord
from router.jobs.broker import Broker
from router.jobs.limits import Priority
from router.schemas.errors import ApiError
from router.schemas.responses.ids import input_item_id
from router.schemas.responses.items import Item, kept_input, kept_places
from router.schemas.responses.messages import EARLIER, messages_of
from router.schemas.responses.request import ResponsesRequest
from shared.wire.jobs import TextJob


@dataclass(slots=True)
class PreparedResponse:
    """A request as all dialects have it, with its one job. ``items`` are those of its own input."""

    body: ResponsesRequest
    settled: SettledChat
    items: list[Item]
    notes: Sequence[str]
    model: str | None
    stream: bool
    n: int = 1

    @property
    def job(self) -> TextJob:
        """The only job."""
        return self.settled.jobs[0]

    def to_jobs(self) -> list[TextJob]:
        """The only job."""
        return [self.job]

    def requested_priority(self) -> Priority:
        """The priority that the request asks for."""
        return self.body.requested_priority()

    def timeout_s(self, default_s: float, max_s: float) -> float | None:
        """The time limit in seconds.

        Raises:
            ApiError: 400, it is too long.
        """
        return self.body.timeout_s(default_s, max_s)


async def prepare(
    body: ResponsesRequest, request: Request, broker: Broker, record: RequestRecord, archive: AnswerArchive
) -> PreparedResponse:
    """Read the conversation that a request goes on with and its media, and make its job.

    Raises:
        Refused: it has media, and the model is not served.
        ApiError: 400, the body contradicts itself or asks for what is not supported; 404, what it goes on from or
            refers to is not stored; 413, its conversation is too long; 429 or 503, there is no room for it, or the disk
            does not answer.
    """
    body.check()
    share = share_of(request.scope)
    items, ignored = kept_input(body.input, functools.partial(input_item_id, record.answer_id))
    items = await archive.resolved(items, record, share.take)
    earlier: list[Item] = []
    if body.previous_response_id is not None:
        earlier = await archive.conversation(body.previous_response_id, record, EARLIER, share.take)
    if not items and not earlier:
        raise ApiError(400, "input: expected at least one item that is not ignored, got none", "input")
    paths = [f"input.{place}" for place in kept_places(body.input)]
    job = body.to_job(messages_of([*earlier, *items], body.instructions, paths))
    settled = await settle_media(request, broker, record, body.model, [job])
    return PreparedResponse(body, settled, items, [*ignored, *body.notes], body.model, body.stream)
