"""The bodies of ``/sdapi/v1/txt2img`` and ``/sdapi/v1/img2img``, and what they mean in this server's own words.

Source: https://github.com/AUTOMATIC1111/stable-diffusion-webui, ``modules/api/models.py`` and ``modules/processing.py``
"""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, field_validator

from router.schemas.a1111.control_net import SCRIPT, control_unit
from router.schemas.a1111.ignored import unmet_fields, unmet_settings
from router.schemas.a1111.samplers import SamplerChoice, settle
from router.schemas.a1111.upscalers import hires_upscaler
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
MASK_BLUR = 4
"""Pixels, as with Automatic1111."""

NO_INPUTS = frozenset({"init_images", "mask"})
"""Fields that answers do not repeat."""

FIRST_SIDE = 512
"""Pixels of the first of two passes, where a request names no size."""


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
            **self._control(),
        }
        return {name: value for name, value in wanted.items() if value is not None}

    def notes(self) -> list[str]:
        """What the body asks for and does not get."""
        settings = {name: value for name, value in self.override_settings.items() if name not in SETTINGS}
        names = [name for name in self.alwayson_scripts if name.casefold() != SCRIPT]
        extra = {**(self.model_extra or {}), **{f"alwayson_scripts.{name}": True for name in names}}
        unit = control_unit(self.alwayson_scripts)
        of_unit = () if unit is None else unit.notes
        return [*self._choice().notes, *of_unit, *unmet_fields(extra), *unmet_settings(settings)]

    def _control(self) -> dict[str, Any]:
        unit = control_unit(self.alwayson_scripts)
        if unit is None:
            return {}
        return {"control_image": unit.image, "control_strength": unit.weight, "canny": unit.edges}

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
    """A picture from text, which a second pass may enlarge."""

    enable_hr: bool = Field(False, description="Whether the picture is painted, enlarged and repainted.")
    hr_scale: float = Field(2.0, description="How much it is enlarged, from width and height.")
    hr_resize_x: int = Field(0, ge=0, description="Instead of hr_scale: the width in the end.")
    hr_resize_y: int = Field(0, ge=0)
    hr_upscaler: str | None = Field(None, description="One of latent-upscale-modes or upscalers.")
    hr_second_pass_steps: int = Field(0, ge=0, description="0: those of the first pass.")

    def fields(self) -> dict[str, Any]:
        """As :meth:`PaintingBody.fields`, with the second pass, whose size is that of the picture."""
        if not self.enable_hr:
            return super().fields()
        width, height = self.width or FIRST_SIDE, self.height or FIRST_SIDE
        scale = self.hr_resize_x / width or self.hr_resize_y / height or self.hr_scale
        hires = {
            "scale": scale,
            "steps": self.hr_second_pass_steps or None,
            "strength": self.denoising_strength,
            "upscaler": hires_upscaler(self.hr_upscaler),
        }
        size = {"width": round(width * scale), "height": round(height * scale)}
        return {**super().fields(), **size, "hires": {name: it for name, it in hires.items() if it is not None}}


class A1111Img2Img(PaintingBody):
    """A picture from text and a picture."""

    init_images: list[str] = Field([], description="One picture, as base64 or a data URL.")
    mask: str | None = Field(None, description="As init_images; white parts are repainted.")
    mask_blur: int | None = Field(None, description="Pixels over which the mask's edge is softened; 4 if absent.")
    inpainting_fill: int = Field(1, description="Noted unless it is 1, what is there.")
    inpainting_mask_invert: int = Field(0, description="Refused unless it is 0.")
    inpaint_full_res: bool = Field(False, description="Noted: the whole picture is painted.")

    def fields(self) -> dict[str, Any]:
        """As :meth:`PaintingBody.fields`, with the pictures.

        Raises:
            ApiError: 400, there is not one picture.
        """
        if len(self.init_images) != 1:
            raise ApiError(400, f"init_images: expected one picture, got {len(self.init_images)}", "init_images")
        if self.mask and self.inpainting_mask_invert:
            message = "inpainting_mask_invert: expected 0, since white is repainted, got"
            raise ApiError(400, f"{message} {self.inpainting_mask_invert}", "inpainting_mask_invert")
        wanted: dict[str, Any] = {"image_path": self.init_images[0], "strength": self.denoising_strength}
        if self.mask:
            wanted |= {"mask_path": self.mask, "mask_blur": MASK_BLUR if self.mask_blur is None else self.mask_blur}
        return {**super().fields(), **{name: value for name, value in wanted.items() if value is not None}}

    def notes(self) -> list[str]:
        """As :meth:`PaintingBody.notes`."""
        notes = super().notes()
        if self.mask and self.inpaint_full_res:
            notes.append("inpaint_full_res: not supported, the whole picture is painted")
        if self.mask and self.inpainting_fill != 1:
            notes.append("inpainting_fill: not supported, what is there is repainted")
        return notes
