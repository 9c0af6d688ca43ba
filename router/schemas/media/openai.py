"""The parts of OpenAI's messages that are pictures or recordings."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from router.schemas.base import RequestModel
from router.schemas.media.given import GivenMedium, MediumKind, SourceForm
from router.schemas.shown import shown

MEDIA_PARTS = ("image_url", "input_audio")
DETAILS = ("auto", "low", "high", "original")


class ImageSource(RequestModel):
    """Where a picture is."""

    url: str = Field(description="A data URL, base64, a path in the media folder, or a URL of a host that is allowed.")
    detail: Literal["auto", "low", "high", "original"] = Field("auto", description="Has no effect.")


class ImagePart(RequestModel):
    """A picture."""

    type: Literal["image_url"]
    image_url: ImageSource | str


class AudioSource(RequestModel):
    """A recording in a file."""

    data: str = Field(description="The file as base64.")
    format: str | None = Field(None, description="Has no effect: the file says what it is.")


class AudioPart(RequestModel):
    """A recording."""

    type: Literal["input_audio"]
    input_audio: AudioSource


def check_media_part(index: int, part: dict[str, Any]) -> None:
    """Check a part of a type of :data:`MEDIA_PARTS`.

    Raises:
        ValueError: it does not say where its file is.
    """
    kind = part["type"]
    given = part.get(kind)
    if kind == "input_audio":
        if not isinstance(given, dict) or not isinstance(given.get("data"), str):
            raise ValueError(f"expected base64 as input_audio.data of part {index}, got {shown(given)}")
        return
    if isinstance(given, str):
        return
    if not isinstance(given, dict) or not isinstance(given.get("url"), str):
        raise ValueError(f"expected a string as image_url.url of part {index}, got {shown(given)}")
    if given.get("detail") not in (None, *DETAILS):
        expected = ", ".join(map(repr, DETAILS))
        raise ValueError(
            f"expected one of {expected} as image_url.detail of part {index}, got {shown(given['detail'])}"
        )


def medium_of(part: dict[str, Any], field: str = "") -> GivenMedium:
    """The medium of a checked part, whose path is ``field``."""
    given = part[part["type"]]
    if part["type"] == "input_audio":
        return GivenMedium(MediumKind.AUDIO, given["data"], field)
    source = given if isinstance(given, str) else given["url"]
    return GivenMedium(MediumKind.IMAGE, source, field, SourceForm.ANY)
