"""ERNIE-Image with random weights, in three files: one layer of the diffusion model, one of its language model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.make_images.autoencoder import autoencoder
from scripts.make_tiny_sd import F32, Q4_0, Tensor, conv, linear, write_gguf

NAMES = {"diffusion_model": "ernie-tiny.gguf", "llm": "ministral-tiny.gguf", "vae": "flux2-vae-tiny.gguf"}
"""The files, by the option that names each."""

_WIDTH = 128
"""Of the diffusion model: one head, whose size is fixed by its positions."""

_LATENTS = 32
_LATENT_CHANNELS = 4 * _LATENTS
"""The model sees two by two latents as one."""

_TEXT_WIDTH = 64
_TOKENS = 131_072
"""Of the tokenizer that the library has built in."""

_HEAD, _HEADS, _KEY_HEADS = 128, 32, 8
"""Of the language model, which the library takes for granted."""


def make_ernie(folder: Path, seed: int = 0) -> Mapping[str, Path]:
    """Write the three files into ``folder``. Returns their paths by option; ``diffusion_model`` is the model itself."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        "diffusion_model": list(_diffusion()),
        "llm": list(_language_model()),
        "vae": list(autoencoder(_LATENTS, quantises=True)),
    }
    architectures = {"diffusion_model": "ernie_image", "llm": "mistral3", "vae": "vae"}
    paths = {part: folder / name for part, name in NAMES.items()}
    for part, path in paths.items():
        write_gguf(path, tensors[part], {"general.architecture": architectures[part]}, seed)
    return paths


def _diffusion() -> Iterator[Tensor]:
    layer = "layers.0."
    yield from conv("x_embedder.proj", _LATENT_CHANNELS, _WIDTH, side=1)
    yield from linear("text_proj", _TEXT_WIDTH, _WIDTH, bias=False)
    yield from linear("time_embedding.linear_1", _WIDTH, _WIDTH)
    yield from linear("time_embedding.linear_2", _WIDTH, _WIDTH)
    yield from linear("adaLN_modulation.1", _WIDTH, 6 * _WIDTH)
    for part in ("adaLN_sa_ln", "adaLN_mlp_ln", "self_attention.norm_q", "self_attention.norm_k"):
        yield _scale(f"{layer}{part}.weight", _WIDTH)
    for part in ("to_q", "to_k", "to_v", "to_out.0"):
        yield from linear(f"{layer}self_attention.{part}", _WIDTH, _WIDTH, bias=False)
    yield from linear(f"{layer}mlp.gate_proj", _WIDTH, 2 * _WIDTH, bias=False)
    yield from linear(f"{layer}mlp.up_proj", _WIDTH, 2 * _WIDTH, bias=False)
    yield from linear(f"{layer}mlp.linear_fc2", 2 * _WIDTH, _WIDTH, bias=False)
    yield from linear("final_norm.linear", _WIDTH, 2 * _WIDTH)
    yield from linear("final_linear", _WIDTH, _LATENT_CHANNELS)


def _language_model() -> Iterator[Tensor]:
    """One layer, with the names that llama.cpp gives them."""
    block = "blk.0."
    yield Tensor("token_embd.weight", (_TEXT_WIDTH, _TOKENS), Q4_0, spread=1.0)
    for part, heads in (("attn_q", _HEADS), ("attn_k", _KEY_HEADS), ("attn_v", _KEY_HEADS)):
        yield from linear(f"{block}{part}", _TEXT_WIDTH, heads * _HEAD, bias=False)
    yield from linear(f"{block}attn_output", _HEADS * _HEAD, _TEXT_WIDTH, bias=False)
    yield from linear(f"{block}ffn_gate", _TEXT_WIDTH, 2 * _TEXT_WIDTH, bias=False)
    yield from linear(f"{block}ffn_up", _TEXT_WIDTH, 2 * _TEXT_WIDTH, bias=False)
    yield from linear(f"{block}ffn_down", 2 * _TEXT_WIDTH, _TEXT_WIDTH, bias=False)
    for part in (f"{block}attn_norm.weight", f"{block}ffn_norm.weight", "output_norm.weight"):
        yield _scale(part, _TEXT_WIDTH)


def _scale(name: str, width: int) -> Tensor:
    return Tensor(name, (width,), F32, mean=1.0, spread=0.02)
