"""The files that an image model consists of, and what it paints with where a request does not say it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict

from shared.engines.diffusion_names import SAMPLERS, SCHEDULERS
from shared.settings.images.values import PartFile, PictureSize
from shared.settings.option import Group, Option
from shared.settings.values import ExistingPath, OptionalChoice, Real, Whole

_FILE = PartFile()
_FOLDER = ExistingPath("FOLDER")


class ImageModelOptions(BaseModel):
    """Options of image models, for all of a server or a single one.

    A part that is given for all goes to the models that have such a part.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    vae: Annotated[str, Option(_FILE, "separate VAE", Group.IMAGE_MODELS)] = ""
    taesd: Annotated[str, Option(_FILE, "tiny autoencoder, for quick decoding", Group.IMAGE_MODELS)] = ""
    clip_l: Annotated[str, Option(_FILE, "separate CLIP-L text encoder", Group.IMAGE_MODELS)] = ""
    clip_g: Annotated[str, Option(_FILE, "separate CLIP-G text encoder", Group.IMAGE_MODELS)] = ""
    t5xxl: Annotated[str, Option(_FILE, "separate T5 text encoder", Group.IMAGE_MODELS)] = ""
    lora_folder: Annotated[
        str, Option(_FOLDER, "folder of the LoRA files that <lora:name:weight> in a prompt names", Group.IMAGE_MODELS)
    ] = ""
    max_image_side: Annotated[
        int,
        Option(
            Whole(64, 8192, 64, "PIXELS"),
            "largest picture that is painted: as many pixels as a square of this side has",
            Group.IMAGE_MODELS,
        ),
    ] = 1024


class SingleImageModelOptions(BaseModel):
    """Options of one image model. Empty texts and zeros stand for what its family has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    diffusion_model: Annotated[
        str, Option(_FILE, "file of the diffusion model, if the model's own file has other parts", Group.IMAGE_MODELS)
    ] = ""
    llm: Annotated[
        str,
        Option(
            _FILE,
            "language model as text encoder: of Z-Image, Qwen-Image, FLUX.2, ERNIE-Image, Ovis and Anima",
            Group.IMAGE_MODELS,
        ),
    ] = ""
    llm_vision: Annotated[
        str, Option(_FILE, "vision part (mmproj) of that language model, for edits", Group.IMAGE_MODELS)
    ] = ""
    clip_vision: Annotated[str, Option(_FILE, "CLIP vision encoder", Group.IMAGE_MODELS)] = ""
    control_net: Annotated[str, Option(_FILE, "ControlNet, for control pictures", Group.IMAGE_MODELS)] = ""
    upscaler: Annotated[str, Option(_FILE, "ESRGAN model that enlarges pictures", Group.IMAGE_MODELS)] = ""
    embeddings_folder: Annotated[
        str, Option(_FOLDER, "folder of textual inversions, which prompts name", Group.IMAGE_MODELS)
    ] = ""
    steps: Annotated[
        int, Option(Whole(0, 1000), "denoising steps where a request does not say them", Group.IMAGE_MODELS)
    ] = 0
    cfg_scale: Annotated[
        float, Option(Real(0, 100), "classifier-free guidance where a request does not say it", Group.IMAGE_MODELS)
    ] = 0.0
    sampler: Annotated[
        str, Option(OptionalChoice(SAMPLERS), "sampler where a request does not say it", Group.IMAGE_MODELS)
    ] = ""
    scheduler: Annotated[
        str, Option(OptionalChoice(SCHEDULERS), "scheduler where a request does not say it", Group.IMAGE_MODELS)
    ] = ""
    image_size: Annotated[
        str, Option(PictureSize(), "size of pictures where a request does not say it", Group.IMAGE_MODELS)
    ] = ""
    guidance: Annotated[
        float, Option(Real(0, 100), "distilled guidance, of FLUX models that have it", Group.IMAGE_MODELS)
    ] = 0.0
    flow_shift: Annotated[
        float, Option(Real(0, 100), "shift of the noise schedule of flow models", Group.IMAGE_MODELS)
    ] = 0.0


WHOLE_PARTS = ("vae", "taesd", "clip_l", "clip_g", "t5xxl")
"""Parts that may be given for all models of a server."""

SINGLE_PARTS = ("diffusion_model", "llm", "llm_vision", "clip_vision", "control_net", "upscaler")
"""Parts that are given for one model."""

PARTS = (*WHOLE_PARTS, *SINGLE_PARTS)
"""The options that name a part of an image model, a file."""

DEFAULTS = ("steps", "cfg_scale", "sampler", "scheduler", "image_size", "guidance", "flow_shift")
"""The options that say with what a model paints where a request does not say it."""
