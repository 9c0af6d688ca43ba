"""Answers to requests for responses: at once, as a stream or in the background."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from fastapi import Request, Response

from router.answers.event_stream import ChunkWriter
from router.answers.queue_wait import position_header
from router.answers.response import is_resumable, registry_of
from router.answers.resumable_stream import ResumableResponse
from router.answers.submission import SubmittedRequest
from router.answers.warnings import warning_header
from router.api.responses.keeping import AtEnd, Forgetful, FromBeginning, Keeper, answer_to_keep
from router.api.responses.prepared import PreparedResponse
from router.api.responses.response_object import QUEUED, ResponseHead, ResponseRendering
from router.api.responses.writing import ResponseEvents, dialect
from router.api.text.answer import answer
from router.conversations.archive import AnswerArchive
from router.http.json_text import json_text
from router.http.request_record import RequestRecord
from router.jobs.broker import Broker
from router.schemas.errors import ApiError

PATH = "/v1/responses"


def restore_with(archive: AnswerArchive) -> Callable[[bytes, SubmittedRequest], ChunkWriter]:
    """Goes on with streams of an earlier run of the router, which has stored their beginnings."""

    def restore(rendering: bytes, submitted: SubmittedRequest) -> ChunkWriter:
        decoded = msgspec.msgpack.decode(rendering, type=ResponseRendering)
        return ResponseEvents(decoded, submitted, FromBeginning(archive))

    return restore


async def respond(
    request: Request, broker: Broker, record: RequestRecord, prepared: PreparedResponse, archive: AnswerArchive
) -> Response:
    """Answer a request.

    Raises:
        ApiError: those of submitting and of answering; 503, it is to go on in the background, and cannot be stored.
    """
    if not prepared.body.store:
        return await answer(request, broker, record, prepared, dialect(Forgetful()), prepared.settled)
    kept = answer_to_keep(prepared, record, archive.server)
    if prepared.body.background:
        return await _in_background(request, broker, record, prepared, FromBeginning(archive, kept))
    outlives = prepared.stream and is_resumable(request)
    keeper: Keeper = FromBeginning(archive, kept) if outlives else AtEnd(archive, kept)
    return await answer(request, broker, record, prepared, dialect(keeper), prepared.settled)


async def _in_background(
    request: Request, broker: Broker, record: RequestRecord, prepared: PreparedResponse, keeper: FromBeginning
) -> Response:
    rendering = ResponseRendering.of(prepared.body)
    submission = SubmittedRequest(
        broker,
        record,
        prepared.model,
        prepared.to_jobs(),
        prepared.settled.blobs,
        prepared,
        notes=[*prepared.notes, *prepared.settled.notes],
        digests=prepared.settled.digests,
        fields=prepared.settled.fields,
    )
    submission.outlive_router(PATH, msgspec.msgpack.encode(rendering), background=True)
    async with submission as submitted:
        queued = ResponseHead(rendering, submitted).running(QUEUED)
        await keeper.begun_now(queued)
        writer = ResponseEvents(rendering, submitted, keeper)
        try:
            stream = registry_of(request).keep(submitted, writer, has_reader=prepared.stream, background=True)
        except ApiError:
            await keeper.archive.delete(str(queued["id"]))
            raise
        submitted.release()
    record.detached = not stream.log.ended
    if prepared.stream:
        return ResumableResponse(stream)
    headers = {"X-Job-Id": record.answer_id} | position_header(submitted) | warning_header(submitted)
    return Response(json_text(queued), headers=headers, media_type="application/json")
