"""What jobs of pictures are made of, and what a worker says of its image model."""

from __future__ import annotations

from typing import Literal

from shared.wire.codec import Struct

PictureFormat = Literal["png", "jpeg", "webp"]
"""The formats of finished pictures."""

PictureQuality = Literal["low", "medium", "high", "xhigh", "max"]
"""How much work a picture is worth: the worker makes a number of steps of it."""

PictureFeature = Literal["text", "edit", "mask", "references", "control", "upscale", "hires", "loras", "previews"]
"""What an image model can do: pictures from a prompt, image to image, repainting of a part, pictures that the prompt
refers to, a picture that guides the composition, enlarging a picture without a prompt, a second pass in a larger size,
LoRA files, and unfinished states of a picture."""


class WantedLora(Struct, frozen=True):
    """A LoRA file of the server by its name, and the weight with which it is applied."""

    name: str
    weight: float = 1.0


class Hires(Struct, frozen=True):
    """A second pass: the first one paints the picture smaller by ``scale``, the second one repaints it enlarged.

    ``steps`` None are those of the first pass, ``strength`` (0 to 1) is how much the second one may change.
    ``upscaler`` None is the library's own way.
    """

    scale: float = 2.0
    steps: int | None = None
    strength: float = 0.7
    upscaler: str | None = None


class PictureDefaults(Struct, frozen=True):
    """What a model uses where a job does not say anything. Sizes are in pixels.

    ``sampler`` and ``scheduler`` are names of :mod:`shared.engines.diffusion_names`, or None for the library's choice.
    ``guidance`` is that of a model that was distilled with guidance, ``flow_shift`` the shift of a flow model's
    schedule; None is the library's.
    """

    steps: int = 20
    cfg_scale: float = 7.0
    sampler: str | None = None
    scheduler: str | None = None
    width: int = 512
    height: int = 512
    guidance: float | None = None
    flow_shift: float | None = None
    strength: float = 0.75


class PictureInfo(Struct, frozen=True):
    """What a loaded image model is and can do.

    ``family`` is such as ``sd1``, ``sdxl``, ``flux`` or ``z_image``; empty if it is not known. Pictures are painted
    with sides that are multiples of ``side_multiple``, and may have up to ``max_pixels`` (0: any number).
    """

    family: str = ""
    defaults: PictureDefaults = PictureDefaults()
    features: tuple[PictureFeature, ...] = ("text",)
    side_multiple: int = 64
    max_pixels: int = 0
