"""The bodies of the endpoints that paint from text and pictures."""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec.structs import replace
from pydantic import Field

from router.schemas.errors import ApiError
from router.schemas.images.request import MAX_SEED, ImageRequest
from router.schemas.images.sources import SourceFields
from shared.wire.jobs import ImageJob

MAX_MASK_BLUR = 256


class Img2ImgRequest(ImageRequest, SourceFields):
    """Pictures from text and input pictures, which the body names or the form contains."""

    strength: float | None = Field(
        None, gt=0, le=1, description="How far the result may differ from the input picture."
    )
    input_fidelity: Literal["high", "low"] | None = Field(
        None, description="high keeps more of the input picture; instead of strength."
    )
    mask_blur: int = Field(0, ge=0, le=MAX_MASK_BLUR, description="Pixels over which the mask's edge is softened.")
    width: int | None = Field(None, description="In pixels, like height. Without both, the size follows the input.")

    def to_job(self, max_side: int) -> ImageJob:
        """As :meth:`ImageRequest.to_job`, with an input picture; the caller sets the places of the others, and the size
        by :meth:`follow`."""
        if self.input_fidelity is not None and self.strength is not None:
            message = "input_fidelity: expected either strength or input_fidelity, got both"
            raise ApiError(400, message, "input_fidelity")
        job = super().to_job(max_side)
        high = self.input_fidelity == "high"
        return replace(job, strength=self.strength, high_fidelity=high, mask_blur=self.mask_blur, init=0)


class EditsRequest(Img2ImgRequest):
    """As :class:`Img2ImgRequest`, with OpenAI's defaults."""

    is_native: ClassVar[bool] = False

    seed: int = Field(-1, ge=-1, le=MAX_SEED, description="-1 draws one, which the answer contains.")
