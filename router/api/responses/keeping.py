"""Storing a response as it begins and ends."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec

from router.api.responses.prepared import PreparedResponse
from router.api.responses.response_object import ResponseObject
from router.conversations.archive import AnswerArchive
from router.conversations.store import StoredAnswer
from router.http.request_record import RequestRecord
from router.schemas.responses.ids import response_id


class Keeper(Protocol):
    """Is told of a response as it begins and ends."""

    def begun(self, response: ResponseObject) -> None:
        """A stream has begun."""

    def ended(self, response: ResponseObject) -> None:
        """The response has ended, in whatever way."""


class Forgetful:
    """Stores nothing."""

    def begun(self, response: ResponseObject) -> None:
        """Nothing is to be done."""

    def ended(self, response: ResponseObject) -> None:
        """Nothing is to be done."""


@dataclass(frozen=True, slots=True)
class AtEnd:
    """Stores a response when it has ended; its input waits until then."""

    archive: AnswerArchive
    answer: StoredAnswer

    def begun(self, response: ResponseObject) -> None:
        """Nothing is to be done."""

    def ended(self, response: ResponseObject) -> None:
        """Store all of it."""
        self.archive.put(_with(self.answer, response))


@dataclass(frozen=True, slots=True)
class FromBeginning:
    """Stores a response that may outlive the router: its input at once, how it ends later, if it was not deleted.

    Without an ``answer``, an earlier run of the router has done the first.
    """

    archive: AnswerArchive
    answer: StoredAnswer | None = None

    def begun(self, response: ResponseObject) -> None:
        """Store its input."""
        if self.answer is not None:
            self.archive.put(_with(self.answer, response))

    async def begun_now(self, response: ResponseObject) -> None:
        """Store its input, and wait for that.

        Raises:
            ApiError: 503, the disk does not take it.
        """
        if self.answer is not None:
            await self.archive.begin(_with(self.answer, response))

    def ended(self, response: ResponseObject) -> None:
        """Store the rest."""
        self.archive.finish(str(response["id"]), str(response["status"]), msgspec.json.encode(response))


def answer_to_keep(prepared: PreparedResponse, record: RequestRecord, server: str) -> StoredAnswer:
    """What is stored of a request, without a response yet."""
    return StoredAnswer(
        answer_id=response_id(record.answer_id),
        user=record.user,
        parent=prepared.body.previous_response_id,
        server=server,
        created_s=int(time.time()),
        status="",
        input=msgspec.json.encode(prepared.items),
        response=b"",
    )


def _with(answer: StoredAnswer, response: ResponseObject) -> StoredAnswer:
    return replace(answer, status=str(response["status"]), response=msgspec.json.encode(response))
