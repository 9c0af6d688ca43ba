"""What workers say of the media of a chat, in the words of the request.

Workers name a medium by its place in the job's messages, which is another one in the request: neighbouring texts are
one part, instructions are a message, and each API has names of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from router.schemas.media.given import GivenMedium
from shared.wire.payloads import Failed

MediaFields = Mapping[str, str]
"""The fields of a request's media, by what workers call them."""


def media_fields(given: Sequence[dict[str, Any]], sent: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The fields of the media of ``given`` messages that are in the messages ``sent`` to workers."""
    fields: dict[str, str] = {}
    for place, (before, after) in enumerate(zip(given, sent, strict=True)):
        parts = after.get("content")
        if not isinstance(parts, list):
            continue
        places = [index for index, part in enumerate(parts) if "blob" in part]
        media = [part for part in before["content"] if isinstance(part, GivenMedium)]
        if len(media) == len(places):  # else some are left out, and it is not told which
            names = (f"messages.{place}.content.{index}" for index in places)
            fields |= dict(zip(names, (medium.field for medium in media), strict=True))
    return fields


def renamed(failed: Failed, fields: MediaFields) -> Failed:
    """An error of a worker that names a medium as the request does."""
    field = fields.get(failed.param or "")
    if field is None:
        return failed
    return replace(failed, message=failed.message.replace(str(failed.param), field, 1), param=field)
