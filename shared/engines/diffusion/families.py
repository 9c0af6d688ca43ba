"""The families of image models: with what each paints where nothing else says it, and which files it needs.

Steps and guidance are those that the makers of the models and the library's documentation name. Some models of a family
differ only in how they were trained: of these the file's name tells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from shared.engines.diffusion.versions import Shapes, diffusion_shapes, version_of
from shared.wire.pictures import PictureDefaults


@dataclass(frozen=True, slots=True)
class Family:
    """A family of models.

    ``encoders`` are the text encoders that a diffusion model alone needs, as names of options, and ``vae`` is the kind
    of its autoencoder, empty for none: a name of :data:`shared.engines.diffusion.parts.LATENTS`. ``takes_references``
    says whether it paints by pictures that a prompt refers to. Sides of pictures are multiples of ``side_multiple``.
    A ``video`` model is refused.
    """

    name: str
    title: str
    defaults: PictureDefaults
    encoders: tuple[str, ...] = ()
    vae: str = ""
    side_multiple: int = 8
    takes_references: bool = False
    is_unet: bool = False
    video: bool = False


def _unet(name: str, title: str, side: int, steps: int = 20, cfg_scale: float = 7.0) -> Family:
    defaults = PictureDefaults(steps=steps, cfg_scale=cfg_scale, width=side, height=side)
    return Family(name, title, defaults, vae="sd", side_multiple=64, is_unet=True)


def _flow(steps: int, cfg_scale: float, guidance: float | None = None, shift: float | None = None) -> PictureDefaults:
    return PictureDefaults(
        steps=steps, cfg_scale=cfg_scale, width=1024, height=1024, guidance=guidance, flow_shift=shift
    )


_CLIPS = ("clip_l", "t5xxl")
FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        _unet("sd1", "Stable Diffusion 1", 512),
        _unet("sd2", "Stable Diffusion 2", 768),
        _unet("sdxl", "Stable Diffusion XL", 1024),
        Family(
            "sd3", "Stable Diffusion 3", _flow(28, 4.5, shift=3.0), encoders=("clip_l", "clip_g", "t5xxl"), vae="flux"
        ),
        Family("flux", "FLUX.1", _flow(20, 1.0, guidance=3.5), encoders=_CLIPS, vae="flux"),
        Family("chroma", "Chroma", _flow(26, 4.0), encoders=("t5xxl",), vae="flux"),
        Family("chroma_radiance", "Chroma Radiance", _flow(26, 4.0), encoders=("t5xxl",), side_multiple=16),
        Family("ovis_image", "Ovis-Image", _flow(20, 5.0), encoders=("llm",), vae="flux"),
        Family(
            "flux2",
            "FLUX.2",
            _flow(20, 1.0, guidance=4.0),
            encoders=("llm",),
            vae="flux2",
            side_multiple=16,
            takes_references=True,
        ),
        Family("qwen_image", "Qwen-Image", _flow(20, 2.5, shift=3.0), encoders=("llm",), vae="wan"),
        Family("z_image", "Z-Image", _flow(28, 5.0, shift=3.0), encoders=("llm",), vae="flux"),
        Family(
            "ernie_image", "ERNIE-Image", _flow(20, 5.0, shift=4.0), encoders=("llm",), vae="flux2", side_multiple=16
        ),
        Family("anima", "Anima", _flow(30, 4.5, shift=3.0), encoders=("llm",), vae="wan"),
        Family("wan", "Wan", PictureDefaults(), video=True),
        Family("svd", "Stable Video Diffusion", PictureDefaults(), video=True),
    )
}
"""By their names in ``PictureInfo``."""

_OF_VERSIONS = {
    "sd1_inpaint": "sd1",
    "sd1_edit": "sd1",
    "sd1_tiny": "sd1",
    "sdxs": "sd1",
    "sd2_inpaint": "sd2",
    "sd2_tiny": "sd2",
    "sdxs_09": "sd2",
    "sdxl_inpaint": "sdxl",
    "sdxl_edit": "sdxl",
    "sdxl_ssd1b": "sdxl",
    "sdxl_vega": "sdxl",
    "flux_fill": "flux",
    "flux_controls": "flux",
    "flex2": "flux",
    "flux2_klein": "flux2",
}
_FEW_STEPS = re.compile(r"turbo|lightning|schnell|hyper|flash|(?<![a-z])lcm(?![a-z])|[-_]4 ?steps?|[-_]8 ?steps?")
_BASE = re.compile(r"(?<![a-z])base(?![a-z])")
_KONTEXT = re.compile("kontext")
_EDIT = re.compile(r"(?<![a-z])edit(?![a-z])")
_EDIT_2511 = "2511"
_EIGHT_STEPS = re.compile(r"8 ?steps?")
_ZERO_TIMESTEP = "__index_timestep_zero__"
"""A tensor that Qwen-Image-Edit 2511 has, which treats the time of reference pictures as zero."""


@dataclass(frozen=True, slots=True)
class Described:
    """What a model is by its tensors and its name: family, exact version, defaults.

    ``references_at_zero`` is a setting of the library that some models need.
    """

    family: Family
    version: str
    defaults: PictureDefaults
    takes_references: bool
    references_at_zero: bool = False


def describe(shapes: Shapes, name: str) -> Described | None:
    """What a file with these tensors and this name is; None if the library does not know it."""
    version = version_of(shapes)
    if version is None:
        return None
    family = FAMILIES[_OF_VERSIONS.get(version, version)]
    model = diffusion_shapes(shapes)
    lowered = name.lower()
    is_edit = _EDIT.search(lowered) is not None
    return Described(
        family=family,
        version=version,
        defaults=_defaults(family, version, model, lowered),
        takes_references=family.takes_references
        or (version == "flux" and _KONTEXT.search(lowered) is not None)
        or (version == "qwen_image" and is_edit),
        references_at_zero=version == "qwen_image" and (_ZERO_TIMESTEP in model or (is_edit and _EDIT_2511 in lowered)),
    )


def _defaults(family: Family, version: str, model: Shapes, name: str) -> PictureDefaults:
    """What the family has, but for models of it that were trained for few steps or another guidance."""
    usual = family.defaults
    few = _FEW_STEPS.search(name) is not None
    eight = _EIGHT_STEPS.search(name) is not None
    match version:
        case "sdxs" | "sdxs_09":
            return replace(usual, steps=1, cfg_scale=1.0, width=512, height=512)
        case "flux" | "flux_controls" | "flex2":
            if not any(part.startswith("guidance_in.") for part in model):  # schnell was distilled without one
                return replace(usual, steps=4, cfg_scale=1.0, guidance=None)
            if _KONTEXT.search(name):
                return replace(usual, guidance=2.5)
            return replace(usual, steps=8) if few else usual
        case "flux_fill":
            return replace(usual, guidance=30.0)
        case "flux2_klein":
            # The distilled one is the usual one; neither has an input for guidance.
            is_base = _BASE.search(name) is not None
            return replace(usual, steps=20 if is_base else 4, cfg_scale=4.0 if is_base else 1.0, guidance=None)
        case "z_image" | "ernie_image":
            return replace(usual, steps=8, cfg_scale=1.0) if few else usual
        case "sd3" | "qwen_image":
            return replace(usual, steps=8 if eight else 4, cfg_scale=1.0) if few else usual
        case "chroma" | "chroma_radiance" | "ovis_image" | "flux2" | "anima":
            return replace(usual, steps=8, cfg_scale=1.0) if few else usual
    if not few:
        return usual
    # Turbo models of Stability AI paint in 512x512, other fast ones in the size of their family.
    side = 512 if "turbo" in name else usual.width
    return replace(usual, steps=8 if eight else 4, cfg_scale=1.0, width=side, height=side)
