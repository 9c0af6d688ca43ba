"""What a picture may have beyond its prompt: LoRAs, a picture that guides the composition, and a second pass."""

from __future__ import annotations

import json
from typing import Annotated, Any

from msgspec.structs import replace
from pydantic import BaseModel, Field, field_validator

from router.schemas.base import RequestModel
from router.schemas.images.sampling import MAX_STEPS
from router.schemas.images.sources import Source
from shared.engines.diffusion_names import HiresUpscaler
from shared.wire.jobs import ImageJob
from shared.wire.pictures import Hires, WantedLora

MAX_LORAS = 16
MAX_LORA_WEIGHT = 10
MAX_HIRES_SCALE = 4


class LoraFields(RequestModel):
    """A LoRA of ``GET /v1/loras``, and the weight with which it is applied."""

    name: str = Field(min_length=1, max_length=256)
    weight: float = Field(1.0, ge=-MAX_LORA_WEIGHT, le=MAX_LORA_WEIGHT)


class HiresFields(RequestModel):
    """A second pass: the picture is painted smaller first, enlarged, and repainted in its own size."""

    scale: float = Field(2.0, gt=1, le=MAX_HIRES_SCALE, description="How much smaller the first pass is.")
    steps: Annotated[int | None, Field(ge=1, le=MAX_STEPS)] = Field(None, description="Those of the first without it.")
    strength: float = Field(0.7, gt=0, le=1, description="How much the second pass may change.")
    upscaler: HiresUpscaler | None = Field(None, description="model is the ESRGAN model that the server has for it.")


class ExtraFields(BaseModel):
    """The fields of a body that ask for these."""

    loras: list[LoraFields] = Field([], max_length=MAX_LORAS, description="Beside those of the prompt's tags.")
    control_image: Source = Field("", description="As image_path: guides the composition, with a ControlNet.")
    control_strength: float = Field(0.9, ge=0, le=2, description="How strictly the picture follows control_image.")
    canny: bool = Field(False, description="The edges of control_image are found first.")
    hires: HiresFields | None = None

    @field_validator("loras", "hires", mode="before")
    @classmethod
    def _from_form(cls, given: Any) -> Any:
        """In a form, these are JSON in a text."""
        text = given[0] if isinstance(given, list) and len(given) == 1 else given
        if not isinstance(text, str):
            return given
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError("expected JSON") from None

    def with_extras(self, job: ImageJob) -> ImageJob:
        """``job`` with these, without the place of the control picture."""
        hires = self.hires
        return replace(
            job,
            loras=[WantedLora(lora.name, lora.weight) for lora in self.loras],
            control_strength=self.control_strength,
            canny=self.canny,
            hires=None if hires is None else Hires(hires.scale, hires.steps, hires.strength, hires.upscaler),
        )
