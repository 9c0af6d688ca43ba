"""Where the input pictures of a request are: in its fields, by all the names that clients have for them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from router.schemas.base import RequestModel
from router.schemas.errors import ApiError

MAX_INPUTS = 16
"""Input pictures of a request, as with OpenAI."""

MAX_SOURCE_CHARS = 256 * 1024 * 1024  # shown in the schema; bodies and files have tighter limits

Source = Annotated[
    str,
    Field(
        max_length=MAX_SOURCE_CHARS,
        description="A path in the server's media folder, a data URL, base64, or a URL of a host that the operator "
        "allows.",
    ),
]

NamedSource = tuple[str, str]
"""The field that names a picture, for errors, and its value."""


class PictureSource(RequestModel):
    """A picture as OpenAI's JSON names it."""

    image_url: Source | None = None
    file_id: str | None = Field(None, max_length=256, description="Refused: stored files are no input pictures.")


class SourceFields(BaseModel):
    """The fields of a body that name the input pictures and the mask."""

    image_path: Source = ""
    image: Source | list[Source] | None = Field(None, description="In JSON: as image_path, or several of them.")
    images: list[Source | PictureSource] | None = Field(None, description="In JSON: as image, in OpenAI's form.")
    mask_path: Source = Field("", description="As image_path; repaints transparent parts (white ones if opaque).")
    mask: Source | PictureSource | None = Field(None, description="In JSON: as mask_path.")

    def picture_sources(self) -> list[NamedSource]:
        """The fields that name the input pictures, in their order, with their values.

        Raises:
            ApiError: 400, two fields name pictures, or one is a stored file.
        """
        pictures = [self.image] if isinstance(self.image, str) else self.image or []
        found = {
            "image_path": [("image_path", self.image_path)],
            "image": [("image", given) for given in pictures],
            "images": [_named(f"images.{number}", given) for number, given in enumerate(self.images or [])],
        }
        named = {name: kept for name, given in found.items() if (kept := [one for one in given if one[1].strip()])}
        if len(named) > 1:
            first, second = list(named)[:2]
            raise ApiError(400, f"{second}: expected either {first} or {second}, got both", second)
        return next(iter(named.values()), [])

    def mask_source(self) -> NamedSource | None:
        """The field that names the mask, with its value; None without one.

        Raises:
            ApiError: 400, two fields name it, or it is a stored file.
        """
        name, source = ("mask", "") if self.mask is None else _named("mask", self.mask)
        if source.strip() and self.mask_path.strip():
            raise ApiError(400, "mask: expected either mask_path or mask, got both", "mask")
        if source.strip():
            return name, source
        return ("mask_path", self.mask_path) if self.mask_path.strip() else None


def _named(name: str, given: str | PictureSource) -> NamedSource:
    if isinstance(given, str):
        return name, given
    if given.file_id is not None:
        field = f"{name}.file_id"
        raise ApiError(400, f"{field}: expected image_url instead: a data URL, or a URL of an allowed host", field)
    if given.image_url is None:
        raise ApiError(400, f"{name}.image_url is required", f"{name}.image_url")
    return f"{name}.image_url", given.image_url
