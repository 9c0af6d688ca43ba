"""How large a picture is to be: width and height by all their names, within the server's limit."""

from __future__ import annotations

import math
import re
from typing import ClassVar

from msgspec.structs import replace
from pydantic import BaseModel, Field, field_validator

from router.schemas.base import agreed
from router.schemas.errors import ApiError
from router.schemas.shown import shown
from shared.wire.jobs import ImageJob

MIN_SIDE = 64
LONGEST_SIDE = 4
"""A side may be longer than that of the largest square, up to this factor, if the other is shorter."""

ENLARGED_PIXELS = 4
"""Pictures of OpenAI's endpoints may have this many times as many pixels as are painted: they are enlarged then."""

_SIZE = re.compile(r"(\d{1,6})x(\d{1,6})", re.ASCII | re.IGNORECASE)
_AUTO = "auto"


class SizeFields(BaseModel):
    """The fields of a body that say how large a picture is to be."""

    is_native: ClassVar[bool] = True

    width: int | None = Field(None, description="In pixels, like height. Without both, the model's own size.")
    height: int | None = None
    size: str | None = Field(None, description="OpenAI's name for width and height: 1024x1536, or auto.")

    @field_validator("size")
    @classmethod
    def _known_size(cls, given: str | None) -> str | None:
        if given is not None and given != _AUTO and not _SIZE.fullmatch(given):
            raise ValueError("expected 'auto' or a width and a height, such as '512x512'")
        return given

    def with_dimensions(self, job: ImageJob, max_side: int) -> ImageJob:
        """``job`` with its size, 0 where the request leaves it open, and up to ``max_side`` squared painted pixels.

        Raises:
            ApiError: 400, ``size`` differs from ``width`` or ``height``, or the picture is too small or too large.
        """
        size = _SIZE.fullmatch(self.size or _AUTO)
        width = agreed({"width": self.width, "size": int(size[1]) if size else None})
        height = agreed({"height": self.height, "size": int(size[2]) if size else None})
        for name, side in (("width", width), ("height", height)):
            if side is not None and not MIN_SIDE <= side <= LONGEST_SIDE * max_side:
                limits = f"{MIN_SIDE} to {LONGEST_SIDE * max_side} pixels per side"
                raise self._refusal(name, f"expected {limits}")
        self._check_area(width or 0, height or 0, max_side)
        enlarged = not self.is_native
        return replace(job, width=width or 0, height=height or 0, max_pixels=max_side**2, may_enlarge=enlarged)

    def follow(self, job: ImageJob, dimensions: tuple[int, int] | None, max_side: int) -> ImageJob:
        """``job`` with the sides that were not requested in the proportions of the input picture.

        ``dimensions`` are those of the input picture, or None if they could not be read: its worker will know. Without
        any side, the size is the input's, or smaller if that has more than ``max_side`` squared pixels.

        Raises:
            ApiError: 400, the picture would be too large.
        """
        if dimensions is None or (job.width and job.height):
            return job
        width, height = dimensions
        longest = LONGEST_SIDE * max_side
        if job.width or job.height:
            scale = job.width / width if job.width else job.height / height
        else:
            scale = min(1.0, max_side / math.sqrt(width * height), longest / max(dimensions))
        followed = replace(job, width=job.width or _side(width * scale), height=job.height or _side(height * scale))
        self._check_area(followed.width, followed.height, max_side)
        if max(followed.width, followed.height) > longest:
            expected = f"expected up to {longest} pixels on the other side"
            raise self._refusal("width", expected, f"{followed.width}x{followed.height}")
        return followed

    def _check_area(self, width: int, height: int, max_side: int) -> None:
        largest = max_side**2 * (1 if self.is_native else ENLARGED_PIXELS)
        if width * height > largest:
            raise self._refusal("width", f"expected at most {largest:,} pixels", f"{width}x{height}")

    def _refusal(self, name: str, expected: str, got: str | None = None) -> ApiError:
        given = (name, "size", "width", "height")
        field = next((field for field in given if getattr(self, field) is not None), name)
        return ApiError(400, f"{field}: {expected}, got {got or shown(getattr(self, field))}", field)


def _side(pixels: float) -> int:
    return max(1, math.floor(pixels + 1e-6))  # a square root may be a little too small
