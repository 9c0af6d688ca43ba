"""The files that image models are put together from: what each is, by its tensors, and whether it fits a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.engines.diffusion.families import Described
from shared.engines.diffusion.tensors import read_shapes
from shared.engines.diffusion.versions import Shapes, diffusion_shapes, version_of
from shared.errors import ModelError

LATENTS = {"sd": 4, "flux": 16, "flux2": 32, "wan": 16}
"""Channels of a picture's latent form, by the kind of autoencoder."""

_TITLES = {
    "clip_g": "the text encoder CLIP-G",
    "clip_l": "the text encoder CLIP-L",
    "clip_vision": "a CLIP vision encoder",
    "control_net": "a ControlNet",
    "diffusion_model": "a diffusion model",
    "llm": "a language model",
    "llm_vision": "the vision part of a language model",
    "lora": "a LoRA",
    "t5xxl": "a T5 text encoder",
    "taesd": "a tiny autoencoder",
    "upscaler": "an ESRGAN upscaler",
    "vae": "an autoencoder",
}

_T5 = ("encoder.block.0.layer.0.SelfAttention.q.weight", "enc.blk.0.attn_q.weight")
_CLIP = re.compile(r"(?:^|\.)text_model\.encoder\.layers\.0\.self_attn\.q_proj\.weight$")
_CLIP_VISION = re.compile(r"(?:^|\.)vision_model\.encoder\.layers\.0\.self_attn\.q_proj\.weight$")
_LLM_TOKENS = re.compile(r"(?:^|\.)(?:embed_tokens|token_embd)\.weight$")
_LLM_LAYER = re.compile(r"(?:^|\.)(?:layers\.0\.self_attn\.[qo]_proj|blk\.0\.attn_(?:q|qkv|output))\.weight$")
_LLM_VISION = ("v.blk.0.", "visual.blocks.0.")
_WAN_VAE = re.compile(r"(?:^|\.)decoder\.middle\.0\.residual\.0\.gamma$")
_VAE = re.compile(r"(?:^|\.)decoder\.conv_in\.weight$")
_TAE = re.compile(r"^(?:tae\.)?decoder\.(?:layers\.)?\d+\.")
_LORA = re.compile(r"\.lora[._]|_lora\.|\.hada_|\.lokr_")
_CONTROL = re.compile(r"(?:^|\.)input_hint_block\.0\.")
_UPSCALER = ("conv_first.weight", "model.0.weight")
_UPSCALER_BLOCK = re.compile(r"(?:^|\.)(?:body\.0\.rdb1|sub\.0\.RDB1)\.")
_CLIP_WIDTHS = {768: "clip_l", 1280: "clip_g"}

_TEXT_INPUTS = ("txt_in.weight", "cap_embedder.1.weight", "text_proj.weight")
_ANIMA_WIDTH = 1024
_JOINED_LAYERS = 3
"""FLUX.2 takes three layers of its language model beside each other."""

ENCODERS_WITHIN = ("cond_stage_model.", "conditioner.", "text_encoders.", "te.")
"""Beginnings of the names of text encoders' tensors in whole checkpoints."""

_VAE_WITHIN = ("first_stage_model.", "vae.", "tae.")


@dataclass(frozen=True, slots=True)
class PartKind:
    """What a part is: the name of its option, and its width or, of an autoencoder, the channels of its latents.

    ``name`` is ``lora`` for LoRA files, which are no parts.
    """

    name: str
    size: int = 0
    is_wan: bool = False

    @property
    def title(self) -> str:
        """What it is, for error messages."""
        return _TITLES[self.name]


def part_kind(shapes: Shapes) -> PartKind | None:
    """What a file with these tensors is; None for something else."""
    if any(_LORA.search(name) for name in shapes):
        return PartKind("lora")
    if version_of(shapes) is not None:
        return PartKind("diffusion_model")
    if any(name in shapes for name in _T5):
        return PartKind("t5xxl")
    if any(_CONTROL.search(name) for name in shapes):
        return PartKind("control_net")
    if any(name in shapes for name in _UPSCALER) and any(_UPSCALER_BLOCK.search(name) for name in shapes):
        return PartKind("upscaler")
    return _autoencoder(shapes) or _encoder(shapes)


def _autoencoder(shapes: Shapes) -> PartKind | None:
    if _found(shapes, _WAN_VAE):
        return PartKind("vae", LATENTS["wan"], is_wan=True)
    convolution = _found(shapes, _VAE)
    if convolution:
        return PartKind("vae", shapes[convolution][2] if len(shapes[convolution]) > 2 else 0)
    return PartKind("taesd") if _found(shapes, _TAE) else None


def _encoder(shapes: Shapes) -> PartKind | None:
    if any(name.startswith(_LLM_VISION) for name in shapes) and not _found(shapes, _LLM_TOKENS):
        return PartKind("llm_vision")
    clip = _found(shapes, _CLIP)
    if clip:
        width = shapes[clip][0] if shapes[clip] else 0
        return PartKind(_CLIP_WIDTHS.get(width, "clip_l"), width)
    if _found(shapes, _CLIP_VISION):
        return PartKind("clip_vision")
    tokens = _found(shapes, _LLM_TOKENS)
    if tokens and _found(shapes, _LLM_LAYER):
        return PartKind("llm", shapes[tokens][0] if shapes[tokens] else 0)
    return None


def _found(shapes: Shapes, pattern: re.Pattern[str]) -> str:
    return next((name for name in shapes if pattern.search(name)), "")


def text_width(described: Described, shapes: Shapes) -> int:
    """How wide a diffusion model's input of text is; 0 if that is not known."""
    if described.family.name == "anima":
        return _ANIMA_WIDTH
    model = diffusion_shapes(shapes)
    width = next((model[name][0] for name in _TEXT_INPUTS if model.get(name)), 0)
    return width // _JOINED_LAYERS if described.family.name == "flux2" else width


def fits(kind: PartKind, described: Described, width: int) -> bool:
    """Whether a part goes with a model whose input of text has this width (0: not known)."""
    family = described.family
    match kind.name:
        case "vae":
            return bool(family.vae) and kind.size in (0, LATENTS[family.vae]) and kind.is_wan == (family.vae == "wan")
        case "llm":
            return "llm" in family.encoders and (not width or not kind.size or kind.size == width)
        case "clip_l" | "clip_g" | "t5xxl":
            return kind.name in family.encoders or (family.is_unet and kind.name.startswith("clip"))
        case "control_net":
            return family.is_unet
        case "llm_vision":
            return family.name == "qwen_image"
        case "clip_vision" | "taesd" | "upscaler":
            return True
    return False


def wanted_parts(described: Described, shapes: Shapes, given: Mapping[str, str]) -> tuple[str, ...]:
    """The options of the parts that a model still needs: it does not have them itself, and they are not ``given``.

    One of several text encoders is enough.
    """
    family = described.family
    wanted: list[str] = []
    encoders = family.encoders if not any(name.startswith(ENCODERS_WITHIN) for name in shapes) else ()
    if not any(given.get(name) for name in encoders):
        wanted += encoders
    has_vae = any(name.startswith(_VAE_WITHIN) for name in shapes) or given.get("vae") or given.get("taesd")
    if family.vae and not has_vae:
        wanted.append("vae")
    return tuple(wanted)


def check_part(option: str, path: Path, described: Described, width: int) -> None:
    """Check by its header that a file is the part that an option names, and goes with a model.

    Raises:
        ModelError: it is damaged, another part, or one for other models.
        OSError: it cannot be read.
    """
    shapes = read_shapes(path)
    kind = part_kind(shapes)
    if kind is None:  # the library knows more names than these rules
        return
    expected = _TITLES[option]
    if kind.name != option and not (option == "diffusion_model" or (option, kind.name) == ("vae", "diffusion_model")):
        raise ModelError(f"expected {expected}, got {path.name}, {kind.title}")
    if kind.name == option and option in ("vae", "llm") and not fits(kind, described, width):
        size = f"{width} wide" if option == "llm" else f"with {LATENTS.get(described.family.vae, 0)} channels"
        got = f"{kind.size} wide" if option == "llm" else f"{kind.size} channels{' of Wan' if kind.is_wan else ''}"
        raise ModelError(f"expected {expected} {size}, for {described.family.title}, got {path.name}, {got}")
