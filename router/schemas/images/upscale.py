"""The body of ``POST /v1/images/upscale``."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from router.schemas.base import RequestModel
from router.schemas.images.output import OutputFields
from router.schemas.images.sources import Source
from router.schemas.scheduling import SchedulingFields
from shared.wire.jobs import ImageJob, UpscaleJob
from shared.wire.pictures import PictureQuality

MIN_SCALE, MAX_SCALE = 1.0, 8.0


class UpscaleRequest(RequestModel, OutputFields, SchedulingFields):
    """A picture to enlarge, which the body names or the form contains."""

    is_native: ClassVar[bool] = False

    model: str | None = Field(None, max_length=256, description="The first served model with an upscaler if absent.")
    image_path: Source = ""
    scale: float | None = Field(None, ge=MIN_SCALE, le=MAX_SCALE, description="The upscaler's own factor if absent.")
    user: str | None = None

    @property
    def n(self) -> int:
        """There is one picture."""
        return 1

    @property
    def notes(self) -> list[str]:
        """Everything that is asked for is done."""
        return []

    @property
    def wanted_quality(self) -> PictureQuality | None:
        """There are no steps."""
        return None

    def to_job(self) -> UpscaleJob:
        """The job for a worker.

        Raises:
            ApiError: 400, as :meth:`OutputFields.with_output`.
        """
        file = self.with_output(ImageJob(prompt=""))
        return UpscaleJob(scale=self.scale, format=file.format, compression=file.compression)
