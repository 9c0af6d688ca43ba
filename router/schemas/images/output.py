"""In which form finished pictures are answered."""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec.structs import replace
from pydantic import BaseModel, Field, field_validator

from router.schemas.base import agreed
from router.schemas.errors import ApiError
from shared.wire.jobs import ImageJob
from shared.wire.pictures import PictureFormat

MAX_PREVIEWS = 3
BEST_COMPRESSION = 100


class OutputFields(BaseModel):
    """The fields of a body that say so."""

    is_native: ClassVar[bool] = True

    stream: bool = Field(False, description="Send progress after each step, and each picture when it is finished.")
    previews: int | None = Field(None, ge=0, le=MAX_PREVIEWS, description="Previews of each picture, in a stream.")
    partial_images: int | None = Field(None, ge=0, le=MAX_PREVIEWS, description="OpenAI's name for previews.")
    response_format: Literal["b64_json", "url"] = Field(
        "b64_json", description="url omits the base64; b64_json omits the url, except in native answers."
    )
    output_format: PictureFormat = "png"
    output_compression: int | None = Field(
        None, ge=0, le=BEST_COMPRESSION, description="The quality of a JPEG or WebP file, 100 without it."
    )
    background: Literal["auto", "opaque", "transparent"] = Field(
        "auto", description="Pictures are opaque; transparent is refused."
    )
    moderation: Literal["auto", "low"] = Field("auto", description="Nothing is filtered, whatever it says.")

    @field_validator("background")
    @classmethod
    def _opaque(cls, given: str) -> str:
        if given == "transparent":
            raise ValueError("expected 'opaque' or 'auto', since no model here paints transparency")
        return given

    @property
    def wants_base64(self) -> bool:
        """Whether the answer holds the pictures."""
        return self.response_format == "b64_json"

    @property
    def wants_url(self) -> bool:
        """Whether the answer says where the pictures can be fetched. Native answers always do, OpenAI's on request."""
        return self.is_native or not self.wants_base64

    def with_output(self, job: ImageJob) -> ImageJob:
        """``job`` with the form of its files, and its previews.

        Raises:
            ApiError: 400, previews without a stream, or a quality of PNG files, which have none.
        """
        previews = agreed({"previews": self.previews, "partial_images": self.partial_images}) or 0
        if previews and not self.stream:
            field = "partial_images" if self.previews is None else "previews"
            raise ApiError(400, f"{field}: expected 0 without stream, got {previews}", field)
        compression = BEST_COMPRESSION if self.output_compression is None else self.output_compression
        if compression != BEST_COMPRESSION and self.output_format == "png":
            message = f"output_compression: expected the output_format jpeg or webp with it, got png and {compression}"
            raise ApiError(400, message, "output_compression")
        return replace(job, previews=previews, format=self.output_format, compression=compression)
