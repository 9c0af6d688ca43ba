"""From the pictures and recordings that a chat was given to what its job has: parts of messages, and files."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from msgspec.structs import replace

from router.answers.media.files import MediaFiles, read_files
from router.answers.media.naming import MediaFields, media_fields
from router.http.bodies.byte_budget import share_of
from router.http.disconnect import run_unless_disconnected
from router.http.request_record import RequestRecord
from router.jobs.broker import Broker
from router.schemas.errors import ApiError
from router.schemas.media.given import Given, GivenMedium, MediumKind, joined, media_in
from shared.kinds import JobKind
from shared.wire.jobs import TextJob

NOT_SUPPORTED = "media_not_supported"

_SENSES = {MediumKind.IMAGE: "sees no pictures", MediumKind.AUDIO: "hears no recordings"}


@dataclass(frozen=True, slots=True)
class SettledChat:
    """The jobs of a request as workers get them. ``digests`` are the hashes of the ``blobs``.

    ``notes`` tell what the model does not get. ``fields`` are those of the media, by what workers call them.
    """

    jobs: Sequence[TextJob]
    blobs: tuple[bytes, ...] = ()
    digests: tuple[bytes, ...] = ()
    notes: tuple[str, ...] = ()
    fields: MediaFields = field(default_factory=dict)


async def settle_media(
    request: Request, broker: Broker, record: RequestRecord, model: str | None, jobs: Sequence[TextJob]
) -> SettledChat:
    """Read the media of a chat, which all ``jobs`` have in common.

    Raises:
        Refused: the model is not served, or not to this key.
        ApiError: 400, the model takes no such media, or one cannot be read, and others of
            :func:`~router.answers.media.files.read_files`.
        ClientGone: the client disconnected meanwhile.
    """
    messages = jobs[0].messages or []
    if next(media_in(messages), None) is None:
        return SettledChat(jobs)
    served = broker.find_model(model, JobKind.TEXT, record.limits)
    given = list(media_in(messages))
    taken = next(row.media for row in broker.served_models() if row.name == served.name)
    sent = [medium for medium in given if medium.kind in taken or not medium.stand_in]
    for medium in sent:
        if medium.kind not in taken:
            message = f"{medium.field}: expected text, since {served.name} {_SENSES[medium.kind]}, got one"
            raise ApiError(400, message, medium.field, NOT_SUPPORTED)
    files = MediaFiles()
    if sent:
        reading = read_files(sent, broker.settings, share_of(request.scope).take)
        files = await run_unless_disconnected(request.receive, reading)
    read = [_with_files(message, files) for message in messages]
    notes = (f"messages: pictures in results of tools are left out, since {served.name} sees none",)
    return SettledChat(
        [replace(job, messages=read) for job in jobs],
        tuple(files.blobs),
        tuple(files.digests),
        notes if len(sent) < len(given) else (),
        media_fields(messages, read),
    )


def _with_files(message: dict[str, Any], files: MediaFiles) -> dict[str, Any]:
    """A message whose media are parts that name their files. One that has none left has a text again."""
    content = message.get("content")
    if not isinstance(content, list):
        return message
    parts: list[dict[str, Any]] = []
    texts = [_text_for(part, files) for part in content]
    if all(text is not None for text in texts):
        return {**message, "content": joined([text for text in texts if text is not None])}
    neighbours = itertools.groupby(zip(content, texts, strict=True), key=lambda pair: pair[1] is None)
    for is_media, pairs in neighbours:
        if is_media:
            parts += [{"type": str(part.kind), "blob": files.places[part]} for part, _ in pairs]
        elif text := joined([text for _, text in pairs if text]):
            parts.append({"type": "text", "text": text})
    return {**message, "content": parts}


def _text_for(part: Given, files: MediaFiles) -> str | None:
    """A text, also one that stands for a medium; None for a medium that is sent."""
    if isinstance(part, GivenMedium):
        return None if part in files.places else part.stand_in
    return part
