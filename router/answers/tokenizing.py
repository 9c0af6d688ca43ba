"""Asks a worker for the tokens of a prompt, for which nothing is generated."""

from __future__ import annotations

from fastapi import Request
from msgspec.structs import replace

from router.answers.media.settling import SettledChat, settle_media
from router.answers.response import gathered
from router.answers.submission import SubmittedRequest
from router.http.request_record import RequestRecord
from router.jobs.broker import Broker
from router.schemas.scheduling import DEFAULT_SCHEDULING, SchedulingFields
from shared.wire.jobs import TextJob, TokenizeJob
from shared.wire.payloads import Tokenized


async def counted_tokens(
    request: Request,
    broker: Broker,
    record: RequestRecord,
    model: str | None,
    work: TextJob,
    scheduling: SchedulingFields = DEFAULT_SCHEDULING,
    settled: SettledChat | None = None,
) -> int:
    """The number of tokens that the prompt of ``work`` has, or its chat with its tools: those that it would be billed.

    ``settled`` has the files of a chat whose media are read already.

    Raises:
        Refused: the model is not served, too many such requests wait, or no worker can take it.
        ApiError: the model refuses the prompt, or the time is over.
        ClientGone: the client disconnected.
    """
    return (await tokenized(request, broker, record, model, TokenizeJob(work), scheduling, settled)).count


async def tokenized(
    request: Request,
    broker: Broker,
    record: RequestRecord,
    model: str | None,
    work: TokenizeJob,
    scheduling: SchedulingFields = DEFAULT_SCHEDULING,
    settled: SettledChat | None = None,
) -> Tokenized:
    """What a worker says of the tokens. It does so beside what it generates: no slot is needed.

    Raises:
        Refused: as :func:`counted_tokens`.
        ApiError: as there; a picture of the chat cannot be read.
        ClientGone: as there.
    """
    if settled is None:
        settled = await settle_media(request, broker, record, model, [work.text])
        work = replace(work, text=settled.jobs[0])
    submission = SubmittedRequest(
        broker,
        record,
        model,
        [work],
        settled.blobs,
        scheduling,
        notes=settled.notes,
        digests=settled.digests,
        fields=settled.fields,
    )
    async with submission as submitted:
        return await gathered(request, submitted, _answer(submitted))


async def _answer(submitted: SubmittedRequest) -> Tokenized:
    found = [payload async for _, payload in submitted.events() if isinstance(payload, Tokenized)]
    return found[0]
