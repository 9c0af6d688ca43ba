"""How a picture is painted: steps, guidance, sampler and schedule, by all the names that clients have for them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, field_validator

from router.schemas.base import agreed
from shared.engines.diffusion_names import (
    SAMPLERS,
    SCHEDULERS,
    find_sampler,
    find_scheduler,
    find_similar_sampler,
    find_similar_scheduler,
)
from shared.wire.pictures import PictureQuality

MAX_STEPS = 150
MAX_CFG_SCALE = 30
MAX_FLOW_SHIFT = 100
MAX_CLIP_SKIP = 12
MAX_NAME_CHARS = 100

Sampler = Annotated[str | None, Field(max_length=MAX_NAME_CHARS, examples=list(SAMPLERS))]
Steps = Annotated[int | None, Field(ge=1, le=MAX_STEPS)]

_QUALITIES: dict[str, PictureQuality | None] = {
    "auto": None,
    "low": "low",
    "medium": "medium",
    "standard": "medium",
    "high": "high",
    "hd": "high",
    "xhigh": "xhigh",
    "max": "max",
}


class PaintingFields(BaseModel):
    """The fields of a body that say how a picture is painted. What is absent is up to the model."""

    sample_steps: Steps = Field(None, description="Denoising steps.")
    steps: Steps = Field(None, description="Another name for sample_steps.")
    num_inference_steps: Steps = Field(None, description="Another name for sample_steps.")
    quality: Literal["auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"] = Field(
        "auto",
        description="Of the model's own steps: low half, medium and standard all, high and hd 1.5 times, xhigh twice, "
        "max 3 times as many.",
    )
    cfg_scale: float | None = Field(
        None, ge=0, le=MAX_CFG_SCALE, description="How closely the prompt is followed, against the negative one."
    )
    guidance_scale: float | None = Field(
        None, ge=0, le=MAX_CFG_SCALE, description="guidance with a model that has it, else cfg_scale."
    )
    guidance: float | None = Field(None, ge=0, le=MAX_CFG_SCALE, description="Of models distilled with guidance.")
    flow_shift: float | None = Field(None, gt=0, le=MAX_FLOW_SHIFT, description="Shift of a flow model's schedule.")
    sampler: Sampler = Field(None, description="May end with a scheduler, as in DPM++ 2M Karras.")
    sampler_name: Sampler = Field(None, description="Another name for sampler.")
    sample_method: Sampler = Field(None, description="Another name for sampler.")
    scheduler: str | None = Field(None, max_length=MAX_NAME_CHARS, examples=list(SCHEDULERS))
    clip_skip: int = Field(0, ge=0, le=MAX_CLIP_SKIP, description="0 is the model's default.")

    @field_validator("sampler", "sampler_name", "sample_method")
    @classmethod
    def _known_sampler(cls, given: str | None) -> str | None:
        if given is not None and (find_sampler(given) or find_similar_sampler(given)) is None:
            raise ValueError(f"expected one of {', '.join(SAMPLERS)}")
        return given

    @field_validator("scheduler")
    @classmethod
    def _known_scheduler(cls, given: str | None) -> str | None:
        if given is not None and (find_scheduler(given) or find_similar_scheduler(given)) is None:
            raise ValueError(f"expected one of {', '.join(SCHEDULERS)}")
        return given

    @property
    def wanted_steps(self) -> int | None:
        """Denoising steps, if the request says.

        Raises:
            ApiError: 400, two names have different values.
        """
        names = ("sample_steps", "steps", "num_inference_steps")
        return agreed({name: getattr(self, name) for name in names})

    @property
    def wanted_quality(self) -> PictureQuality | None:
        """What the number of steps follows, unless the request has it."""
        return _QUALITIES[self.quality]

    @property
    def wanted_sampler(self) -> tuple[str | None, str | None]:
        """The library's names of sampler and scheduler.

        Raises:
            ApiError: 400, two names mean different ones.
        """
        found = {
            name: find_sampler(given) or find_similar_sampler(given)
            for name in ("sampler", "sampler_name", "sample_method")
            if (given := getattr(self, name)) is not None
        }
        sampler = agreed({name: pair[0] for name, pair in found.items() if pair is not None})
        schedulers = {name: pair[1] for name, pair in found.items() if pair is not None}
        if self.scheduler is not None:
            own = find_scheduler(self.scheduler) or find_similar_scheduler(self.scheduler)
            schedulers = {"scheduler": own, **schedulers}
        return sampler, agreed(schedulers)

    def painting_notes(self) -> list[str]:
        """What of this the request does not get as it says."""
        notes = []
        if self.wanted_quality is not None and self.wanted_steps is not None:
            notes.append("quality: has no effect beside a number of steps")
        sampler, scheduler = self.wanted_sampler
        for name in ("sampler", "sampler_name", "sample_method"):
            if (given := getattr(self, name)) is not None and find_sampler(given) is None:
                notes.append(f"{name}: {sampler} is used instead of {given}, which there is not")
        if self.scheduler is not None and find_scheduler(self.scheduler) is None:
            notes.append(f"scheduler: {scheduler} is used instead of {self.scheduler}, which there is not")
        return notes
