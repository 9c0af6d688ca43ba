"""The bodies of the image endpoints."""

from __future__ import annotations

import math
import re
import secrets
from typing import Annotated, ClassVar, Literal

from msgspec.structs import replace
from pydantic import ConfigDict, Field, field_validator

from router.schemas.base import RequestModel, agreed
from router.schemas.errors import ApiError
from router.schemas.scheduling import SchedulingFields
from router.schemas.shown import shown
from shared.engines.diffusion_names import SAMPLERS, SCHEDULERS
from shared.wire.jobs import ImageJob

MAX_PICTURES = 10
MAX_PROMPT_CHARS = 10_000
MAX_STEPS = 150
MAX_CFG_SCALE = 30
MAX_CLIP_SKIP = 12
MAX_PREVIEWS = 3
MAX_SOURCE_CHARS = 256 * 1024 * 1024  # shown in the schema; bodies and files have tighter limits
SIDE_STEP = 64
"""Pixels; width and height are multiples of it, and at least as large."""

SEEDS = 2**31
"""Seeds are drawn from this range, which image front ends can display."""

# Seeds are signed 64-bit integers, and each further picture adds 1.
MAX_SEED = 2**63 - 1 - MAX_PICTURES

_SIZE = re.compile(r"(\d{1,6})x(\d{1,6})", re.ASCII | re.IGNORECASE)
_AUTO = "auto"

Prompt = Annotated[str, Field(max_length=MAX_PROMPT_CHARS)]
Sampler = Annotated[str | None, Field(json_schema_extra={"enum": list(SAMPLERS)})]
Source = Annotated[
    str,
    Field(
        max_length=MAX_SOURCE_CHARS,
        description="A path in the server's media folder, a data URL, base64, or a URL of a host that the operator "
        "allows.",
    ),
]


class ImageRequest(RequestModel, SchedulingFields):
    """An image request in both vocabularies, with the native defaults."""

    default_side: ClassVar[int] = 256
    is_native: ClassVar[bool] = True

    model: str | None = Field(None, max_length=256, description="The first served image model if absent.")
    prompt: Prompt
    negative_prompt: Prompt = ""
    n: int = Field(1, ge=1, le=MAX_PICTURES, description="Number of pictures; each further one adds 1 to the seed.")
    width: int | None = Field(256, description="In pixels: a multiple of 64, like height.")
    height: int | None = 256
    size: str | None = Field(None, description="OpenAI's name for width and height: 512x512, or auto.")
    sample_steps: int = Field(20, ge=1, le=MAX_STEPS, description="Denoising steps.")
    cfg_scale: float = Field(7.0, ge=0, le=MAX_CFG_SCALE, description="How closely the prompt is followed.")
    seed: int = Field(0, ge=-1, le=MAX_SEED, description="-1 draws one, which the answer contains.")
    sampler: Sampler = None
    sampler_name: Sampler = Field(None, description="Another name for sampler.")
    sample_method: Sampler = Field(None, description="Another name for sampler.")
    scheduler: str | None = Field(None, json_schema_extra={"enum": list(SCHEDULERS)})
    clip_skip: int = Field(0, ge=0, le=MAX_CLIP_SKIP, description="0 is the model's default.")
    stream: bool = Field(False, description="Send progress after each step, and each picture when it is finished.")
    previews: int | None = Field(None, ge=0, le=MAX_PREVIEWS, description="Previews of each picture, in a stream.")
    partial_images: int | None = Field(None, ge=0, le=MAX_PREVIEWS, description="OpenAI's name for previews.")
    response_format: Literal["b64_json", "url"] = Field(
        "b64_json", description="url omits the base64; b64_json omits the url, except in native answers."
    )
    output_format: Literal["png"] = "png"
    user: str | None = None

    @field_validator("prompt", "negative_prompt")
    @classmethod
    def _without_nul(cls, given: str) -> str:
        if "\0" in given:
            raise ValueError("expected text without NUL characters")
        return given

    @field_validator("sampler", "sampler_name", "sample_method")
    @classmethod
    def _known_sampler(cls, given: str | None) -> str | None:
        return _one_of(SAMPLERS, given)

    @field_validator("scheduler")
    @classmethod
    def _known_scheduler(cls, given: str | None) -> str | None:
        return _one_of(SCHEDULERS, given)

    @field_validator("size")
    @classmethod
    def _known_size(cls, given: str | None) -> str | None:
        if given is not None and given != _AUTO and not _SIZE.fullmatch(given):
            raise ValueError("expected 'auto' or a width and a height, such as '512x512'")
        return given

    @property
    def wants_base64(self) -> bool:
        """Whether the answer holds the pictures."""
        return self.response_format == "b64_json"

    @property
    def wants_url(self) -> bool:
        """Whether the answer says where the pictures can be fetched. Native answers always do, OpenAI's on request."""
        return self.is_native or not self.wants_base64

    def to_job(self, max_side: int) -> ImageJob:
        """The job of the first picture, of at most ``max_side`` pixels per side.

        A random seed is drawn here, so that a worker that takes the request over paints the same pictures.

        Raises:
            ApiError: 400, two parameters contradict each other, or the size is invalid.
        """
        width, height = self.dimensions(max_side)
        return ImageJob(
            prompt=self.prompt,
            negative_prompt=self.negative_prompt,
            width=width,
            height=height,
            steps=self.sample_steps,
            cfg_scale=self.cfg_scale,
            seed=secrets.randbelow(SEEDS) if self.seed < 0 else self.seed,
            sampler=agreed(
                {"sampler": self.sampler, "sampler_name": self.sampler_name, "sample_method": self.sample_method}
            ),
            scheduler=self.scheduler,
            clip_skip=self.clip_skip,
            previews=self._previews(),
        )

    def dimensions(self, max_side: int) -> tuple[int, int]:
        """Width and height in pixels.

        Raises:
            ApiError: 400, ``size`` differs from them, or one is not a multiple of 64 up to ``max_side``.
        """
        default = min(self.default_side, max_side)
        size = _SIZE.fullmatch(self.size or _AUTO)
        sides = []
        for place, name in enumerate(("width", "height"), 1):
            given = getattr(self, name) if name in self.model_fields_set else None
            side = agreed({name: given, "size": int(size[place]) if size else None})
            side = default if side is None else side
            if not SIDE_STEP <= side <= max_side or side % SIDE_STEP:
                field = name if given is not None else "size"
                raise ApiError(
                    400,
                    f"{field}: expected multiples of {SIDE_STEP} from {SIDE_STEP} to {max_side} pixels per side, "
                    f"got {shown(getattr(self, field))}",
                    field,
                )
            sides.append(side)
        return sides[0], sides[1]

    def _previews(self) -> int:
        previews = agreed({"previews": self.previews, "partial_images": self.partial_images}) or 0
        if previews and not self.stream:
            field = "partial_images" if self.previews is None else "previews"
            raise ApiError(400, f"{field}: expected 0 without stream, got {previews}", field)
        return previews


class Txt2ImgRequest(ImageRequest):
    """A picture from text."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "prompt": "A girl, standing in a field of flowers, vivid",
                    "image_path": "",
                    "cfg_scale": 7,
                    "width": 256,
                    "height": 256,
                    "sample_steps": 20,
                    "seed": 0,
                    "negative_prompt": "",
                }
            ]
        }
    )

    image_path: Source = Field("", description="Must be empty; for an input picture, use /v1/img2img.")

    @field_validator("image_path")
    @classmethod
    def _no_input(cls, given: str) -> str:
        if given.strip():
            raise ValueError("expected no input picture (POST /v1/img2img accepts one)")
        return given


class Img2ImgRequest(ImageRequest):
    """A picture from text and an input picture, which ``image_path`` refers to or the form contains."""

    image_path: Source = ""
    mask_path: Source = Field("", description="As image_path; repaints transparent parts (white ones if opaque).")
    strength: float = Field(0.75, gt=0, le=1, description="How far the result may differ from the input picture.")
    width: int | None = Field(None, description="In pixels: a multiple of 64. Like height, it follows the input.")
    height: int | None = None

    def to_job(self, max_side: int) -> ImageJob:
        """As :meth:`ImageRequest.to_job`, with an input picture; the caller sets ``mask`` once it is known, and the
        size by :meth:`follow`."""
        return replace(super().to_job(max_side), strength=self.strength, init=0)

    def follow(self, job: ImageJob, dimensions: tuple[int, int] | None, max_side: int) -> ImageJob:
        """``job`` with the sides that were not requested in the proportions of the input picture.

        ``dimensions`` are those of the input picture, or None if they could not be read. Each side is rounded to a
        multiple of 64, and is at most ``max_side``.
        """
        if dimensions is None or (self.size or _AUTO) != _AUTO:
            return job
        width, height = dimensions
        if self.width is not None:
            scale = self.width / width
        elif self.height is not None:
            scale = self.height / height
        else:
            scale = min(1.0, max_side / max(width, height))
        return replace(
            job,
            width=self.width or _rounded(width * scale, max_side),
            height=self.height or _rounded(height * scale, max_side),
        )


class GenerationsRequest(Txt2ImgRequest):
    """As :class:`Txt2ImgRequest`, with OpenAI's defaults."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"prompt": "A lighthouse at dawn", "size": "512x512"}]})
    default_side: ClassVar[int] = 512
    is_native: ClassVar[bool] = False

    width: int | None = Field(512, description="In pixels: a multiple of 64, like height.")
    height: int | None = 512
    seed: int = Field(-1, ge=-1, le=MAX_SEED, description="-1 draws one, which the answer contains.")


class EditsRequest(Img2ImgRequest):
    """As :class:`Img2ImgRequest`, with OpenAI's defaults."""

    is_native: ClassVar[bool] = False

    seed: int = Field(-1, ge=-1, le=MAX_SEED, description="-1 draws one, which the answer contains.")


def _rounded(side: float, max_side: int) -> int:
    """The multiple of ``SIDE_STEP`` that is nearest to ``side``, from ``SIDE_STEP`` to ``max_side``."""
    return min(max(math.floor(side / SIDE_STEP + 0.5), 1) * SIDE_STEP, max_side)


def _one_of(known: tuple[str, ...], given: str | None) -> str | None:
    if given is not None and given not in known:
        raise ValueError(f"expected one of {', '.join(known)}")
    return given
