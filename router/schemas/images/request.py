"""What the bodies of all image endpoints have in common."""

from __future__ import annotations

import secrets
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, field_validator

from router.schemas.base import RequestModel
from router.schemas.images.extras import ExtraFields
from router.schemas.images.output import OutputFields
from router.schemas.images.sampling import PaintingFields
from router.schemas.images.sizes import SizeFields
from router.schemas.images.unmet import UnmetFields
from router.schemas.scheduling import SchedulingFields
from shared.wire.jobs import ImageJob

MAX_PICTURES = 10
MAX_PROMPT_CHARS = 32_000
SEEDS = 2**31
"""Seeds are drawn from this range, which image front ends can display."""

# Seeds are signed 64-bit integers, and each further picture adds 1.
MAX_SEED = 2**63 - 1 - MAX_PICTURES
MAX_NAMED_FIELDS = 10

Prompt = Annotated[str, Field(max_length=MAX_PROMPT_CHARS)]


class ImageRequest(RequestModel, SizeFields, PaintingFields, ExtraFields, OutputFields, UnmetFields, SchedulingFields):
    """An image request in both vocabularies, with the native defaults. Fields that it does not know are told."""

    model_config = ConfigDict(extra="allow")

    is_native: ClassVar[bool] = True

    model: str | None = Field(None, max_length=256, description="The first served image model if absent.")
    prompt: Prompt
    negative_prompt: Prompt = ""
    n: int = Field(1, ge=1, le=MAX_PICTURES, description="Number of pictures; each further one adds 1 to the seed.")
    seed: int = Field(0, ge=-1, le=MAX_SEED, description="-1 draws one, which the answer contains.")
    user: str | None = None
    safety_identifier: str | None = Field(None, description="OpenAI's newer name for user.")

    @field_validator("prompt", "negative_prompt")
    @classmethod
    def _without_nul(cls, given: str) -> str:
        if "\0" in given:
            raise ValueError("expected text without NUL characters")
        return given

    def to_job(self, max_side: int) -> ImageJob:
        """The job of the first picture, of which at most ``max_side`` squared pixels are painted.

        A random seed is drawn here, so that a worker that takes the request over paints the same pictures. What the
        request leaves open, the worker fills in.

        Raises:
            ApiError: 400, two parameters contradict each other, or the size is invalid.
        """
        sampler, scheduler = self.wanted_sampler
        job = ImageJob(
            prompt=self.prompt,
            negative_prompt=self.negative_prompt,
            native=self.is_native,
            steps=self.wanted_steps,
            quality=self.wanted_quality,
            cfg_scale=self.cfg_scale,
            guidance_scale=self.guidance_scale,
            guidance=self.guidance,
            flow_shift=self.flow_shift,
            seed=secrets.randbelow(SEEDS) if self.seed < 0 else self.seed,
            sampler=sampler,
            scheduler=scheduler,
            clip_skip=self.clip_skip,
        )
        return self.with_output(self.with_extras(self.with_dimensions(job, max_side)))

    @property
    def notes(self) -> list[str]:
        """What the request asks for and does not get, whatever the model."""
        unknown = list(self.model_extra or {})
        notes = [f"{name[:100]}: this server has no such field" for name in unknown[:MAX_NAMED_FIELDS]]
        if len(unknown) > MAX_NAMED_FIELDS:
            notes.append(f"and {len(unknown) - MAX_NAMED_FIELDS} more unknown fields")
        return notes + self.unmet_notes() + self.painting_notes()
