"""Pictures and recordings in the parts of items: as they are kept, and as given media."""

from __future__ import annotations

from typing import Any

from router.schemas.errors import ApiError
from router.schemas.media.given import Content, Given, GivenMedium, MediumKind, SourceForm, content_of
from router.schemas.media.openai import DETAILS
from router.schemas.shown import shown

MEDIA_PARTS = ("input_image", "input_audio")


def kept_medium(part: dict[str, Any], path: str) -> dict[str, Any]:
    """A part of a type of :data:`MEDIA_PARTS` as it is kept.

    Raises:
        ApiError: 400, it does not say where its file is.
    """
    if part["type"] == "input_audio":
        given = part.get("input_audio")
        if not isinstance(given, dict) or not isinstance(given.get("data"), str):
            field = f"{path}.input_audio.data"
            raise ApiError(400, f"{field}: expected base64, got {shown(given)}", field)
        return {"type": "input_audio", "input_audio": {"data": given["data"], "format": str(given.get("format"))[:50]}}
    url, detail = part.get("image_url"), part.get("detail") or "auto"
    if not isinstance(url, str):
        field = f"{path}.image_url"
        hint = "; a file_id is not supported" if part.get("file_id") is not None else ""
        raise ApiError(400, f"{field}: expected a string, got {shown(url)}{hint}", field)
    if detail not in DETAILS:
        field = f"{path}.detail"
        raise ApiError(400, f"{field}: expected one of {', '.join(map(repr, DETAILS))}, got {shown(detail)}", field)
    return {"type": "input_image", "image_url": url, "detail": detail}


def content_of_parts(content: Any, path: str) -> Content:
    """The content of a kept item's parts, at ``path``: their text, or also media in order."""
    if isinstance(content, str):
        return content
    return content_of([_given(part, f"{path}.{index}") for index, part in enumerate(content)])


def _given(part: dict[str, Any], path: str) -> Given:
    match part["type"]:
        case "input_image":
            return GivenMedium(MediumKind.IMAGE, part["image_url"], path, SourceForm.ANY)
        case "input_audio":
            return GivenMedium(MediumKind.AUDIO, part["input_audio"]["data"], path)
        case "refusal":
            return str(part.get("refusal", ""))
        case _:
            return str(part["text"])
