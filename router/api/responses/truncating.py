"""``truncation: auto``: the oldest items are left out if a conversation is longer than the model's context."""

from __future__ import annotations

import dataclasses
import uuid

from fastapi import Request
from msgspec.structs import replace

from router.answers.tokenizing import tokenized
from router.api.responses.prepared import PreparedResponse
from router.http.request_record import RequestRecord
from router.jobs.broker import Broker
from router.schemas.responses.messages import Message
from shared.wire.jobs import TextJob, TokenizeJob
from shared.wire.payloads import Tokenized

MIN_ROOM_SHARE = 8
"""One in so many tokens of the context is kept for the answer, if the request does not say how long it may be."""


async def fit(request: Request, broker: Broker, record: RequestRecord, prepared: PreparedResponse) -> None:
    """Leave out the oldest messages behind the instructions until the rest fits, and note how many.

    The last message stays. A call's result does not stay without the call, and the user speaks first if that can be.

    Raises:
        ApiError: the model refuses the chat, or the time is over.
    """

    async def measured(job: TextJob) -> Tokenized:
        counting = dataclasses.replace(record, answer_id=uuid.uuid4().hex)
        return await tokenized(request, broker, counting, prepared.model, TokenizeJob(job), prepared.body, files)

    files, messages = prepared.settled, prepared.job.messages or []
    kept = 0 if prepared.body.instructions is None else 1
    found = await measured(prepared.job)
    limit = found.context_tokens - 1 - _room(prepared.job, found.context_tokens)
    if found.count <= limit:
        return
    starts = _starts(messages, kept)
    low, high = 0, len(starts) - 1  # the first of them that fits; the last one if none does
    while low < high:
        middle = (low + high) // 2
        shorter = replace(prepared.job, messages=[*messages[:kept], *messages[starts[middle] :]])
        if (await measured(shorter)).count <= limit:
            high = middle
        else:
            low = middle + 1
    if (dropped := starts[low] - kept) > 0:
        shorter = replace(prepared.job, messages=[*messages[:kept], *messages[starts[low] :]])
        prepared.settled = dataclasses.replace(files, jobs=[shorter], fields={})
        prepared.notes = [*prepared.notes, f"truncation: the {dropped} oldest messages were left out"]


def _room(job: TextJob, context_tokens: int) -> int:
    """The tokens to keep for the answer."""
    wanted = context_tokens // MIN_ROOM_SHARE if job.max_tokens is None else job.max_tokens
    return min(wanted, context_tokens // 2)


def _starts(messages: list[Message], kept: int) -> list[int]:
    """Where a shorter conversation may begin: at the user's messages, and behind the last of these also elsewhere."""
    users = [at for at in range(kept, len(messages)) if messages[at]["role"] == "user"]
    last = users[-1] if users else kept
    behind = [at for at in range(last + 1, len(messages)) if messages[at]["role"] != "tool"]
    return [*(users or [kept]), *behind]
