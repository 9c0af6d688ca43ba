"""The bodies of ``/sdapi/v1/txt2img`` and ``/sdapi/v1/img2img``, and what they mean in this server's own words.

Source: https://github.com/AUTOMATIC1111/stable-diffusion-webui, ``modules/api/models.py`` and ``modules/processing.py``
"""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, field_validator

from router.schemas.a1111.ignored import unmet_fields, unmet_settings
from router.schemas.a1111.samplers import SamplerChoice, settle
from router.schemas.base import RequestModel
from router.schemas.errors import ApiError
from router.schemas.scheduling import SchedulingFields
from router.schemas.shown import shown

CHECKPOINT = "sd_model_checkpoint"
CLIP_LAYERS = "CLIP_stop_at_last_layers"
PREVIEW_STEPS = "show_progress_every_n_steps"
SETTINGS = frozenset({CHECKPOINT, CLIP_LAYERS, PREVIEW_STEPS})
"""The settings that count."""

MAX_PREVIEWS = 3
NO_INPUTS = frozenset({"init_images", "mask"})
"""Fields that answers do not repeat."""

_MASKED_ONLY = "inpaint_full_res"


class PaintingBody(RequestModel, SchedulingFields):
    """What both bodies have in common. What is absent is the model's own, as are 0 steps."""

    model_config = ConfigDict(extra="allow")

    prompt: str = ""
    negative_prompt: str = ""
    seed: int = Field(-1, description="-1 draws one, which the answer contains.")
    sampler_name: str | None = Field(None, description="One of GET /sdapi/v1/samplers; a scheduler may follow.")
    sampler_index: str | None = Field(None, description="An older name for sampler_name.")
    scheduler: str | None = Field(None, description="One of GET /sdapi/v1/schedulers.")
    batch_size: int = Field(1, ge=1, description="Pictures; batch_size times n_iter are painted.")
    n_iter: int = Field(1, ge=1)
    steps: int | None = Field(None, ge=0)
    cfg_scale: float | None = None
    width: int | None = None
    height: int | None = None
    denoising_strength: float | None = None
    clip_skip: int | None = Field(None, description="As the setting CLIP_stop_at_last_layers.")
    override_settings: dict[str, Any] = Field({}, description="Of these, sd_model_checkpoint names the model.")
    alwayson_scripts: dict[str, Any] = {}
    send_images: bool = True

    @field_validator("seed", mode="before")
    @classmethod
    def _number(cls, given: Any) -> Any:
        """Some programs send ``"-1"``."""
        is_number = isinstance(given, str) and len(given) < 20 and given.removeprefix("-").isdecimal()
        return int(given) if is_number else given

    @property
    def model(self) -> str | None:
        """The model that the body asks for, None if it does not.

        Raises:
            ApiError: 400, it is not a name.
        """
        name = self.override_settings.get(CHECKPOINT)
        if name is not None and not isinstance(name, str):
            expected = f"override_settings.{CHECKPOINT}: expected a string"
            raise ApiError(400, f"{expected}, got {shown(name)}", "override_settings")
        return name or None

    @property
    def previews(self) -> int:
        """How many unfinished states of a picture ``GET /sdapi/v1/progress`` may show."""
        wanted = self.override_settings.get(PREVIEW_STEPS)
        return MAX_PREVIEWS if isinstance(wanted, int) and wanted > 0 else 0

    def fields(self) -> dict[str, Any]:
        """The fields of this server's own API that mean the same, without the model.

        Raises:
            ApiError: 400, nobody knows a sampler or scheduler.
        """
        choice = self._choice()
        wanted = {
            "prompt": self.prompt,
            "negative_prompt": self.negative_prompt,
            "seed": max(self.seed, -1),
            "n": self.batch_size * self.n_iter,
            "sampler": choice.sampler,
            "scheduler": choice.scheduler,
            "sample_steps": self.steps or None,
            "cfg_scale": self.cfg_scale,
            "width": self.width,
            "height": self.height,
            "clip_skip": self._clip_skip(),
            "priority": self.priority,
            "timeout": self.timeout,
        }
        return {name: value for name, value in wanted.items() if value is not None}

    def notes(self) -> list[str]:
        """What the body asks for and does not get."""
        settings = {name: value for name, value in self.override_settings.items() if name not in SETTINGS}
        scripts = {f"alwayson_scripts.{name}": True for name in self.alwayson_scripts}
        extra = {**(self.model_extra or {}), **scripts}
        return [*self._choice().notes, *unmet_fields(extra), *unmet_settings(settings)]

    def _choice(self) -> SamplerChoice:
        field = "sampler_index" if self.sampler_name is None and self.sampler_index else "sampler_name"
        return settle(field, self.sampler_name or self.sampler_index, self.scheduler)

    def _clip_skip(self) -> int | None:
        """1 is every model's last layer, which is this server's default only for models where it is their own."""
        layers = self.override_settings.get(CLIP_LAYERS) if self.clip_skip is None else self.clip_skip
        if layers is not None and not isinstance(layers, int):
            expected = f"override_settings.{CLIP_LAYERS}: expected an integer"
            raise ApiError(400, f"{expected}, got {shown(layers)}", "override_settings")
        return layers if layers is not None and layers > 1 else None


class A1111Txt2Img(PaintingBody):
    """A picture from text."""


class A1111Img2Img(PaintingBody):
    """A picture from text and a picture."""

    init_images: list[str] = Field([], description="One picture, as base64 or a data URL.")
    mask: str | None = Field(None, description="As init_images; white parts are repainted.")

    def fields(self) -> dict[str, Any]:
        """As :meth:`PaintingBody.fields`, with the pictures.

        Raises:
            ApiError: 400, there is not one picture.
        """
        if len(self.init_images) != 1:
            raise ApiError(400, f"init_images: expected one picture, got {len(self.init_images)}", "init_images")
        wanted = {"image_path": self.init_images[0], "mask_path": self.mask, "strength": self.denoising_strength}
        return {**super().fields(), **{name: value for name, value in wanted.items() if value is not None}}
