"""Stored responses: how they are now, their events and their input."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from router.answers.registry import Entry, JobRegistry
from router.answers.resumable_stream import ResumableResponse, ResumableStream
from router.conversations.archive import AnswerArchive
from router.conversations.store import UNENDED, StoredAnswer
from router.http.bodies.byte_budget import ByteShare
from router.http.request_record import RequestRecord
from router.jobs.broker import Broker
from router.schemas.errors import ApiError
from router.schemas.jobs import EntryState
from router.schemas.responses.ids import answer_of
from router.schemas.responses.items import Item
from router.schemas.shown import shown
from shared.wire.run_folder import is_in_use

LOST = "the server stopped before this answer was complete, and could not go on with it"


@dataclass(frozen=True, slots=True)
class ItemPage:
    """A part of a list of items: ``limit`` of them behind the one with the id ``after``."""

    after: str | None
    limit: int
    order: Literal["asc", "desc"]

    def of(self, items: list[Item]) -> dict[str, Any]:
        """This page of the items, which are in the order of time.

        Raises:
            ApiError: 400, ``after`` is none of them.
        """
        ordered = items if self.order == "asc" else items[::-1]
        start = 0
        if self.after is not None:
            ids = [item["id"] for item in ordered]
            if self.after not in ids:
                message = f"after: expected the id of an item of this response, got {shown(self.after)}"
                raise ApiError(400, message, "after")
            start = ids.index(self.after) + 1
        page = ordered[start : start + self.limit]
        return {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": start + self.limit < len(ordered),
        }


class StoredResponses:
    """What requests do with stored responses.

    A response that had not ended when its server died is marked as failed when somebody asks for it.
    """

    def __init__(self, archive: AnswerArchive, registry: JobRegistry, broker: Broker) -> None:
        self._archive = archive
        self._registry = registry
        self._broker = broker

    async def find(self, response_id: str, asking: RequestRecord) -> tuple[StoredAnswer, Entry | None]:
        """A response as it is now, and its running request or the stream that is still kept, if any.

        Raises:
            ApiError: 404, there is none of this user; 503, the disk does not answer.
        """
        stored = await self._archive.find(response_id, asking)
        if stored.status in UNENDED and stored.server == self._archive.server:
            await self._registry.settled(answer_of(response_id), lambda: self._broker.settled)
            stored = await self._archive.find(response_id, asking)
        entry = self._registry.running(answer_of(response_id))
        if stored.status in UNENDED and entry is None and not self._runs_elsewhere(stored):
            stored = await self._fail(stored, asking)
        return stored, entry

    def shown(self, stored: StoredAnswer, entry: Entry | None) -> bytes:
        """The response's object as JSON."""
        if stored.status not in UNENDED or entry is None or entry.state is EntryState.QUEUED:
            return stored.response
        return msgspec.json.encode({**msgspec.json.decode(stored.response), "status": "in_progress"})

    async def cancel(self, response_id: str, asking: RequestRecord) -> bytes:
        """Cancel a response in the background, and return its object. One that has ended stays as it is.

        Raises:
            ApiError: 404, there is none; 400, it is not in the background; 409, another server generates it.
        """
        stored, entry = await self.find(response_id, asking)
        if not msgspec.json.decode(stored.response)["background"]:
            message = f"response_id: expected a response in the background, got {shown(response_id)}"
            raise ApiError(400, message, "response_id")
        if stored.status not in UNENDED:
            return stored.response
        if entry is None or entry.stream is None:
            raise ApiError(409, "response_id: another server on this machine generates this response", "response_id")
        entry.submitted.cancel()
        while not entry.stream.log.ended:
            await entry.stream.log.changed()
        return (await self._archive.find(response_id, asking)).response

    async def delete(self, response_id: str, asking: RequestRecord) -> None:
        """Delete a response, and end it if it is still generated.

        Raises:
            ApiError: 404, there is none; 503, the disk does not answer.
        """
        stored = await self._archive.find(response_id, asking)
        await self._archive.delete(stored.answer_id)
        entry = self._registry.running(answer_of(response_id))
        if entry is not None and entry.stream is not None:
            entry.stream.close()

    async def events(self, response_id: str, asking: RequestRecord, starting_after: int | None) -> ResumableResponse:
        """The events of a response behind this number, as they come.

        Raises:
            ApiError: 404, there is none; 400, there is no such event; 410, they are not kept any more.
        """
        _, entry = await self.find(response_id, asking)
        if entry is None or entry.stream is None:
            message = "stream: this response's events are no longer kept; leave it out to get the whole response"
            raise ApiError(410, message, "stream", "events_dropped")
        last_id = 0 if starting_after is None else starting_after + 1
        await entry.stream.catch_up(last_id)
        _check_event(entry.stream, last_id)
        return ResumableResponse(entry.stream, last_id)

    async def input_items(
        self, response_id: str, asking: RequestRecord, share: ByteShare, page: ItemPage
    ) -> dict[str, Any]:
        """A page of the items that led to a response, also of those before it in its conversation.

        Raises:
            ApiError: 404, there is none; 400, ``after`` is none of the items; 413, 429 or 503, there is no room.
        """
        stored = await self._archive.find(response_id, asking)
        earlier: list[Item] = []
        if stored.parent is not None:
            earlier = await self._archive.conversation(stored.parent, asking, "response_id", share.take)
        return page.of([*earlier, *msgspec.json.decode(stored.input)])

    def _runs_elsewhere(self, stored: StoredAnswer) -> bool:
        """Whether another server that is running generates it."""
        return stored.server != self._archive.server and is_in_use(Path(stored.server))

    async def _fail(self, stored: StoredAnswer, asking: RequestRecord) -> StoredAnswer:
        error = {"code": "server_error", "message": LOST}
        response = {**msgspec.json.decode(stored.response), "status": "failed", "error": error}
        self._archive.give_up(stored.answer_id, "failed", msgspec.json.encode(response))
        return await self._archive.find(stored.answer_id, asking)


def _check_event(stream: ResumableStream, last_id: int) -> None:
    """Check that the events behind this one can be read.

    Raises:
        ApiError: 400, there is no such event; 410, they were dropped.
    """
    first, last = stream.log.first_id, stream.log.last_id
    if last_id > last:
        message = f"starting_after: expected at most {last - 1}, the last event, got {last_id - 1}"
        raise ApiError(400, message, "starting_after")
    if last_id < first - 1:
        message = f"starting_after: expected at least {first - 2}, since older events were dropped, got {last_id - 1}"
        raise ApiError(410, message, "starting_after", "events_dropped")
