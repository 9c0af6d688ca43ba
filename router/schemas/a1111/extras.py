"""The bodies of ``/sdapi/v1/extra-single-image`` and ``/sdapi/v1/extra-batch-images``."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from router.schemas.a1111.ignored import unmet_fields
from router.schemas.base import RequestModel
from router.schemas.scheduling import SchedulingFields


class ExtrasBody(RequestModel, SchedulingFields):
    """What both bodies have in common."""

    model_config = ConfigDict(extra="allow")

    resize_mode: Literal[0, 1] = Field(0, description="0: by upscaling_resize, 1: to upscaling_resize_w and _h.")
    upscaling_resize: float = Field(2.0, gt=0)
    upscaling_resize_w: int = Field(512, ge=1)
    upscaling_resize_h: int = Field(512, ge=1)
    upscaler_1: str = Field("None", description="One of the models of GET /sdapi/v1/upscalers; None is the first.")
    show_extras_results: bool = True

    def scale_for(self, dimensions: tuple[int, int] | None) -> float:
        """How much larger a picture of this size is to be. One of an unknown size follows ``upscaling_resize``."""
        if self.resize_mode == 0 or dimensions is None:
            return self.upscaling_resize
        width, height = dimensions
        return min(self.upscaling_resize_w / width, self.upscaling_resize_h / height)

    def notes(self) -> list[str]:
        """What the body asks for and does not get."""
        notes = unmet_fields(self.model_extra or {})
        if self.resize_mode == 1:
            notes.append("resize_mode: the picture fits into the size, and is not cut")
        return notes


class ExtrasSingleBody(ExtrasBody):
    """A picture to enlarge."""

    image: str = Field(description="A picture as base64 or a data URL.")


class ExtrasFile(RequestModel):
    """A picture of several."""

    data: str
    name: str = ""


class ExtrasBatchBody(ExtrasBody):
    """Pictures to enlarge."""

    imageList: list[ExtrasFile] = Field(min_length=1, max_length=16)
