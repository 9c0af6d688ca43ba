"""The common part of all text endpoints: submit a job for each choice, then answer whole or as a stream."""

from __future__ import annotations

import msgspec
from fastapi import Request, Response

from router.answers.media.settling import SettledChat, settle_media
from router.answers.response import answer_in_chunks, answer_whole, is_resumable
from router.answers.submission import SubmittedRequest
from router.api.text.dialect import B, Dialect, R
from router.http.request_record import RequestRecord
from router.jobs.broker import Broker


async def answer(
    request: Request,
    broker: Broker,
    record: RequestRecord,
    body: B,
    dialect: Dialect[B, R],
    settled: SettledChat | None = None,
) -> Response:
    """Answer a request in the words of its dialect: with one object or, if ``body.stream`` is set, with a stream.

    ``settled`` has the jobs, if the media of the chat are read already.
    """
    settled = settled or await settle_media(request, broker, record, body.model, body.to_jobs())
    submission = SubmittedRequest(
        broker,
        record,
        body.model,
        settled.jobs,
        settled.blobs,
        body,
        body.n,
        notes=[*body.notes, *settled.notes],
        digests=settled.digests,
        fields=settled.fields,
    )
    if not body.stream:
        async with submission as submitted:
            return await answer_whole(request, submitted, body, dialect.write_whole)
    rendering = dialect.rendering(body)
    if is_resumable(request):
        submission.outlive_router(request.scope["route"].path, msgspec.msgpack.encode(rendering))
    async with submission as submitted:
        return await answer_in_chunks(request, submitted, dialect.make_writer(rendering, submitted))
