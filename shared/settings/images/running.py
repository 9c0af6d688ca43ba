"""How image models run: what they keep where, what they leave out, and how long a picture may take."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict

from shared.settings.option import Group, Option
from shared.settings.units import MINUTE_S, TERABYTE
from shared.settings.values import Choice, Duration, OptionalChoice, Size, Switch

WEIGHT_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "q6_k", "q5_k", "q4_k", "q3_k", "q2_k")
"""Types that stable-diffusion.cpp converts weights to when it loads them, by their names there."""

STEP_CACHES = ("easycache", "ucache", "dbcache", "taylorseer", "cachedit", "spectrum")
"""Ways of stable-diffusion.cpp to reuse what earlier steps computed."""

DAY_S = 24 * 60 * MINUTE_S


class ImageRunningOptions(BaseModel):
    """Options of models that stable-diffusion.cpp computes; all take effect when a model is loaded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vae_tiling: Annotated[
        str,
        Option(
            Choice(("auto", "on", "off")),
            "decode pictures in tiles, which bounds the memory for it; auto from more than 1024x1024 pixels on",
            Group.IMAGE_MODELS,
        ),
    ] = "auto"
    weight_type: Annotated[
        str,
        Option(OptionalChoice(WEIGHT_TYPES), "type that weights are converted to when loaded", Group.IMAGE_MODELS),
    ] = ""
    step_cache: Annotated[
        str,
        Option(
            OptionalChoice(STEP_CACHES),
            "reuse what earlier steps computed: faster, and less exact (ucache for Stable Diffusion, others for DiT)",
            Group.IMAGE_MODELS,
        ),
    ] = ""
    preview_by: Annotated[
        str,
        Option(
            Choice(("projection", "taesd", "vae")),
            "what makes previews: a rough projection, the tiny autoencoder (used for nothing else then), or the VAE",
            Group.IMAGE_MODELS,
        ),
    ] = "projection"
    offload: Annotated[
        bool, Option(Switch(), "keep weights in main memory, and on the GPU only while needed", Group.IMAGE_MODELS)
    ] = False
    max_vram_bytes: Annotated[
        int,
        Option(
            Size(0, 10 * TERABYTE),
            "GPU memory of a computation, which is done in parts beyond that; 0: no bound",
            Group.IMAGE_MODELS,
            flag="--max-vram",
        ),
    ] = 0
    clip_on_cpu: Annotated[
        bool, Option(Switch(), "compute text encoders on the CPU beside a GPU", Group.IMAGE_MODELS)
    ] = False
    vae_on_cpu: Annotated[bool, Option(Switch(), "compute the VAE on the CPU beside a GPU", Group.IMAGE_MODELS)] = False
    max_picture_s: Annotated[
        float,
        Option(
            Duration(0, 30 * DAY_S),
            "longest time for a picture; one that would take longer is stopped when that shows; 0: no limit",
            Group.IMAGE_MODELS,
        ),
    ] = 60 * MINUTE_S
