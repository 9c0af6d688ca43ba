"""FLUX.1 with random weights, in three files: one block of each kind, the smaller text encoder, and an autoencoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.make_images.autoencoder import autoencoder
from scripts.make_tiny_sd import F32, Tensor, linear, text_encoder, write_gguf

NAMES = {"diffusion_model": "flux-tiny.gguf", "clip_l": "clip-l-tiny.gguf", "vae": "flux-vae-tiny.gguf"}
"""The files, by the option that names each."""

_WIDTH = 128
"""Of the model: one head, whose size is fixed by its positions."""

_LATENTS = 16
_PATCH_CHANNELS = 4 * _LATENTS
_TEXT_WIDTH, _POOLED_WIDTH, _TIME_WIDTH = 4096, 768, 256


def make_flux(folder: Path, seed: int = 0) -> Mapping[str, Path]:
    """Write the three files into ``folder``. Returns their paths by option; ``diffusion_model`` is the model itself."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {part: folder / name for part, name in NAMES.items()}
    write_gguf(paths["diffusion_model"], list(_diffusion()), {"general.architecture": "flux"}, seed)
    write_gguf(paths["clip_l"], list(text_encoder("text_model.")), {"general.architecture": "clip_l"}, seed)
    write_gguf(paths["vae"], list(autoencoder(_LATENTS, quantises=False)), {"general.architecture": "vae"}, seed)
    return paths


def _diffusion() -> Iterator[Tensor]:
    yield from linear("img_in", _PATCH_CHANNELS, _WIDTH)
    yield from linear("txt_in", _TEXT_WIDTH, _WIDTH)
    for name, width in (("time_in", _TIME_WIDTH), ("guidance_in", _TIME_WIDTH), ("vector_in", _POOLED_WIDTH)):
        yield from linear(f"{name}.in_layer", width, _WIDTH)
        yield from linear(f"{name}.out_layer", _WIDTH, _WIDTH)
    for stream in ("img", "txt"):
        block = f"double_blocks.0.{stream}_"
        yield from linear(f"{block}mod.lin", _WIDTH, 6 * _WIDTH)
        yield from linear(f"{block}attn.qkv", _WIDTH, 3 * _WIDTH)
        yield from _head_norms(f"{block}attn.norm")
        yield from linear(f"{block}attn.proj", _WIDTH, _WIDTH)
        yield from linear(f"{block}mlp.0", _WIDTH, 4 * _WIDTH)
        yield from linear(f"{block}mlp.2", 4 * _WIDTH, _WIDTH)
    yield from linear("single_blocks.0.linear1", _WIDTH, 7 * _WIDTH)
    yield from linear("single_blocks.0.linear2", 5 * _WIDTH, _WIDTH)
    yield from _head_norms("single_blocks.0.norm")
    yield from linear("single_blocks.0.modulation.lin", _WIDTH, 3 * _WIDTH)
    yield from linear("final_layer.linear", _WIDTH, _PATCH_CHANNELS)
    yield from linear("final_layer.adaLN_modulation.1", _WIDTH, 2 * _WIDTH)


def _head_norms(name: str) -> Iterator[Tensor]:
    for part in ("query_norm", "key_norm"):
        yield Tensor(f"{name}.{part}.scale", (_WIDTH,), F32, mean=1.0, spread=0.02)
