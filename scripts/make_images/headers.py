"""Files with the headers of image models and no weights: enough to recognise each by its tensors."""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Mapping
from pathlib import Path

Shapes = Mapping[str, tuple[int, ...]]

_HALF_BYTES = 2
_UNET = "model.diffusion_model."
_CLIP = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
_OPEN_CLIP = "cond_stage_model.model.token_embedding.weight"
_SDXL_CLIPS = {
    "conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight": (768, 49408),
    "conditioner.embedders.1.model.token_embedding.weight": (1280, 49408),
}
_VAE = {"first_stage_model.decoder.conv_in.weight": (3, 3, 4, 512)}


def _unet(channels: int = 4, middle: bool = True, blocks: Shapes | None = None) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {f"{_UNET}input_blocks.0.0.weight": (3, 3, channels, 320), **_VAE}
    if middle:
        shapes[f"{_UNET}middle_block.1.norm.weight"] = (1280,)
    return shapes | {f"{_UNET}{name}": shape for name, shape in (blocks or {}).items()}


_SD1 = {_CLIP: (768, 49408)}
_SD2 = {_OPEN_CLIP: (1024, 49408)}
_ATTENTION = "output_blocks.7.1.transformer_blocks.0.attn1.to_k.weight"
_FLUX = {"double_blocks.0.img_attn.proj.weight": (3072, 3072), "txt_in.weight": (4096, 3072)}
_GUIDED = {"guidance_in.in_layer.weight": (256, 3072)}
_FLUX2 = {"double_stream_modulation_img.lin.weight": (6144, 36864), "double_blocks.0.img_mlp.0.weight": (6144, 36864)}

HEADERS: Mapping[str, Shapes] = {
    "sd1": {**_unet(), **_SD1},
    "sd1_inpaint": {**_unet(9), **_SD1},
    "sd1_edit": {**_unet(8), **_SD1},
    "sd1_tiny": {**_unet(middle=False, blocks={"output_blocks.7.1.norm.weight": (640,)}), **_SD1},
    "sdxs": {**_unet(middle=False), **_SD1},
    "sd2": {**_unet(), **_SD2},
    "sd2_inpaint": {**_unet(9), **_SD2},
    "sdxs_09": {**_unet(middle=False, blocks={_ATTENTION: (1024, 320)}), **_SD2},
    "sd2_tiny": {**_unet(middle=False), **_SD2},
    "sdxl": {**_unet(), **_SDXL_CLIPS},
    "sdxl_inpaint": {**_unet(9), **_SDXL_CLIPS},
    "sdxl_edit": {**_unet(8), **_SDXL_CLIPS},
    "sdxl_ssd1b": {
        **_unet(middle=False, blocks={"output_blocks.3.1.transformer_blocks.1.norm1.weight": (640,)}),
        **_SDXL_CLIPS,
    },
    "sdxl_vega": {**_unet(middle=False), **_SDXL_CLIPS},
    "sd3": {"joint_blocks.0.x_block.attn.qkv.weight": (1536, 4608)},
    "flux": {**_FLUX, **_GUIDED, "img_in.weight": (64, 3072)},
    "flux_fill": {**_FLUX, **_GUIDED, "img_in.weight": (384, 3072)},
    "flux_controls": {**_FLUX, **_GUIDED, "img_in.weight": (128, 3072)},
    "flex2": {**_FLUX, "img_in.weight": (196, 3072)},
    "chroma": {**_FLUX, "distilled_guidance_layer.in_proj.weight": (64, 5120), "img_in.weight": (64, 3072)},
    "chroma_radiance": {**_FLUX, "nerf_final_layer_conv.conv.weight": (3, 3, 64, 3)},
    "ovis_image": {"double_blocks.0.img_mlp.gate_proj.weight": (3072, 12288), "txt_in.weight": (2048, 3072)},
    "flux2": {**_FLUX2, "single_blocks.47.linear1.weight": (6144, 55296), "txt_in.weight": (15360, 6144)},
    "flux2_klein": {**_FLUX2, "single_blocks.19.linear1.weight": (3072, 27648), "txt_in.weight": (7680, 3072)},
    "qwen_image": {"transformer_blocks.0.img_mod.1.weight": (3072, 18432), "txt_in.weight": (3584, 3072)},
    "z_image": {"cap_embedder.0.weight": (2560,), "cap_embedder.1.weight": (2560, 3840)},
    "ernie_image": {"layers.0.adaLN_sa_ln.weight": (4096,), "text_proj.weight": (3072, 4096)},
    "anima": {"net.llm_adapter.blocks.0.cross_attn.q_proj.weight": (1024, 1024)},
    "wan": {"blocks.0.cross_attn.norm_k.weight": (1536,), "patch_embedding.weight": (2, 2, 1, 24576)},
    "svd": {**_unet(8), f"{_UNET}input_blocks.8.0.time_mixer.mix_factor": (1,)},
}
"""The tensors by which each version is recognised, with their real shapes, the fastest dimension first."""


def write_header(path: Path, shapes: Shapes, architecture: str = "") -> None:
    """Write a file with these tensors, of halves, and no data: GGUF, or safetensors by the end of its name."""
    sizes = [math.prod(shape) * _HALF_BYTES for shape in shapes.values()]
    header = _safetensors(shapes, sizes) if path.suffix in (".safetensors", ".sft") else _gguf(shapes, architecture)
    with path.open("wb") as file:
        file.write(header)
        os.truncate(file.fileno(), len(header) + sum(size + -size % 32 for size in sizes))


def make_headers(folder: Path) -> list[Path]:
    """Write one file for each version into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for version, shapes in HEADERS.items():
        paths.append(folder / f"{version}.safetensors")
        write_header(paths[-1], shapes)
    return paths


def _safetensors(shapes: Shapes, sizes: list[int]) -> bytes:
    entries, end = {}, 0
    for (name, shape), size in zip(shapes.items(), sizes, strict=True):
        entries[name] = {"dtype": "F16", "shape": list(shape[::-1]), "data_offsets": [end, end + size]}
        end += size
    header = json.dumps(entries).encode()
    return struct.pack("<Q", len(header)) + header


def _gguf(shapes: Shapes, architecture: str) -> bytes:
    """See https://github.com/ggml-org/ggml/blob/master/docs/gguf.md"""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), int(bool(architecture)))
    if architecture:
        head += _text("general.architecture") + struct.pack("<I", 8) + _text(architecture)
    offset = 0
    for name, shape in shapes.items():
        head += _text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape) + struct.pack("<IQ", 1, offset)
        size = math.prod(shape) * _HALF_BYTES
        offset += size + -size % 32
    return head + b"\0" * (-len(head) % 32)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data
