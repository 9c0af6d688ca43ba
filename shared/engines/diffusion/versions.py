"""The version of an image model, by the names and shapes of its tensors.

The rules are those of the library, ``ModelLoader::get_sd_version`` in its ``model.cpp``: a file that they do not know
cannot be opened. Source: https://github.com/leejet/stable-diffusion.cpp
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Shapes = Mapping[str, tuple[int, ...]]
"""Shapes by tensor name, the fastest dimension first, as in GGUF."""

PREFIX = "model.diffusion_model."
"""What a whole checkpoint has before the names of its diffusion model's tensors."""

_AROUND = (
    "first_stage_model.",
    "cond_stage_model.",
    "conditioner.",
    "text_encoders.",
    "vae.",
    "tae.",
    "te.",
)
"""What it has before those of its text encoders and its autoencoder."""

_FIRST = (
    ("nerf_final_layer_conv.", "chroma_radiance"),
    ("joint_blocks.", "sd3"),
    ("transformer_blocks.0.img_mod.1.weight", "qwen_image"),
    ("double_blocks.0.img_mlp.gate_proj.weight", "ovis_image"),
    ("cap_embedder.0.weight", "z_image"),
    ("layers.0.adaLN_sa_ln.weight", "ernie_image"),
    ("input_blocks.8.0.time_mixer.mix_factor", "svd"),
)
"""Beginnings of names, after the prefix, that settle the version."""

_ANIMA = "llm_adapter.blocks.0.cross_attn.q_proj.weight"
_SECOND_ENCODER = ("conditioner.embedders.1", "cond_stage_model.1", "te.1")
_TOKENS = (
    "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight",
    "cond_stage_model.model.token_embedding.weight",
    "conditioner.embedders.0.model.token_embedding.weight",
    "conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight",
)
_FLUX_INPUTS = {384: "flux_fill", 128: "flux_controls", 196: "flex2"}
"""FLUX.1 whose pictures come with others, by the width of its input."""

_WIDTH_OF_SD1, _WIDTH_OF_SD2 = 768, 1024
_INPAINT_CHANNELS, _EDIT_CHANNELS = 9, 8


def is_bare(names: Iterable[str]) -> bool:
    """Whether a file holds the diffusion model alone, without text encoders and autoencoder."""
    return not any(name.startswith(_AROUND) for name in names)


def version_of(shapes: Shapes) -> str | None:
    """The version of a whole checkpoint, or of a diffusion model alone; None if the library knows none.

    A UNet alone has none: only its text encoder tells which it is.
    """
    model = diffusion_shapes(shapes)
    for beginning, version in _FIRST:
        if any(name.startswith(beginning) for name in model):
            return version
    if any(_ANIMA in name for name in model):
        return "anima"
    if "blocks.0.cross_attn.norm_k.weight" in model:
        return "wan"
    if any(name.startswith("double_blocks.") for name in model):
        return _flux(model)
    if any(name.startswith("input_blocks.") for name in model):
        return _unet(shapes, model)
    return None


def diffusion_shapes(shapes: Shapes) -> dict[str, tuple[int, ...]]:
    """The tensors of the diffusion model, without the prefix that whole checkpoints have."""
    if is_bare(shapes):
        return {name.removeprefix(PREFIX): shape for name, shape in shapes.items()}
    return {name.removeprefix(PREFIX): shape for name, shape in shapes.items() if name.startswith(PREFIX)}


def _flux(model: Shapes) -> str:
    if "double_stream_modulation_img.lin.weight" in model:
        return "flux2" if any("single_blocks.47.linear1.weight" in name for name in model) else "flux2_klein"
    if any("distilled_guidance_layer.in_proj.weight" in name for name in model):
        return "chroma"
    return _FLUX_INPUTS.get(_side(model, "img_in.weight", 0), "flux")


def _unet(shapes: Shapes, model: Shapes) -> str | None:
    channels = _side(model, "input_blocks.0.0.weight", 2)
    ending = {_INPAINT_CHANNELS: "_inpaint", _EDIT_CHANNELS: "_edit"}.get(channels, "")
    has_middle = any(name.startswith("middle_block.1.") for name in model)
    if any(part in name for name in shapes for part in _SECOND_ENCODER):
        if ending or has_middle:
            return f"sdxl{ending}"
        third = "output_blocks.3.1.transformer_blocks.1"
        return "sdxl_ssd1b" if any(name.startswith(third) for name in model) else "sdxl_vega"
    width = next((shapes[name][0] for name in _TOKENS if shapes.get(name)), 0)
    if width == _WIDTH_OF_SD1:
        if ending or has_middle:
            return f"sd1{ending}"
        seventh = "output_blocks.7.1"
        return "sd1_tiny" if any(name.startswith(seventh) for name in model) else "sdxs"
    if width == _WIDTH_OF_SD2:
        if ending == "_inpaint" or has_middle:
            return "sd2_inpaint" if ending == "_inpaint" else "sd2"
        keys = "output_blocks.7.1.transformer_blocks.0.attn1.to_k.weight"
        return "sdxs_09" if _side(model, keys, 0) == _WIDTH_OF_SD2 else "sd2_tiny"
    return None


def _side(shapes: Shapes, name: str, dimension: int) -> int:
    """One dimension of a tensor; 0 if it is not there."""
    shape = shapes.get(name, ())
    return shape[dimension] if dimension < len(shape) else 0
