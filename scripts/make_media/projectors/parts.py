"""What all projector files have: their headers, and the transformer layers of a tower."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter

F32 = np.float32


@dataclass(frozen=True, slots=True)
class Tower:
    """The sizes of a transformer: ``width`` numbers for each patch, ``heads``, ``layers``."""

    width: int
    feed_forward: int
    heads: int
    layers: int


def projector_file(path: Path, name: str) -> GGUFWriter:
    """A projector file without contents."""
    writer = GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_name(name)
    writer.add_file_type(0)
    return writer


def add_vision(
    writer: GGUFWriter, kind: str, tower: Tower, image: int, patch: int, projection: int, *, beside_audio: bool = False
) -> None:
    """The metadata of a projector of pictures with sides of ``image`` pixels, for texts of width ``projection``."""
    writer.add_clip_has_vision_encoder(True)
    writer.add_string("clip.vision.projector_type" if beside_audio else "clip.projector_type", kind)
    writer.add_uint32("clip.vision.image_size", image)
    writer.add_uint32("clip.vision.patch_size", patch)
    _add_tower(writer, "vision", tower, projection, 1e-6)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    writer.add_bool("clip.use_gelu", True)


def add_audio(writer: GGUFWriter, kind: str, tower: Tower, mels: int, projection: int, stack: int) -> None:
    """The metadata of a projector of sound that makes one embedding of ``stack`` frames."""
    writer.add_clip_has_audio_encoder(True)
    writer.add_string("clip.audio.projector_type", kind)
    writer.add_uint32("clip.audio.num_mel_bins", mels)
    _add_tower(writer, "audio", tower, projection, 1e-5)
    writer.add_uint32("clip.audio.projector.stack_factor", stack)


def add_still_layers(writer: GGUFWriter, prefix: str, tower: Tower, *, key_bias: bool = True) -> None:
    """Layers that add nothing to their input."""
    width, wide = tower.width, tower.feed_forward
    for block in (f"{prefix}.blk.{layer}" for layer in range(tower.layers)):
        for part in ("q", "k", "v", "out"):
            writer.add_tensor(f"{block}.attn_{part}.weight", np.zeros((width, width), F32))
            if part != "k" or key_bias:
                writer.add_tensor(f"{block}.attn_{part}.bias", np.zeros(width, F32))
        writer.add_tensor(f"{block}.ffn_up.weight", np.zeros((wide, width), F32))
        writer.add_tensor(f"{block}.ffn_down.weight", np.zeros((width, wide), F32))
        _add_plain_parts(writer, block, tower)


def add_random_layers(
    writer: GGUFWriter, prefix: str, tower: Tower, draw: np.random.Generator, kind: GGMLQuantizationType
) -> None:
    """Layers of random weights that keep the variance of their input."""
    width, wide = tower.width, tower.feed_forward
    for block in (f"{prefix}.blk.{layer}" for layer in range(tower.layers)):
        shapes = {f"attn_{part}": (width, width) for part in ("q", "k", "v", "out")}
        shapes |= {"ffn_up": (wide, width), "ffn_down": (width, wide)}
        for name, shape in shapes.items():
            drawn = (draw.standard_normal(shape) / np.sqrt(shape[1])).astype(F32)
            writer.add_tensor(f"{block}.{name}.weight", gguf.quants.quantize(drawn, kind), raw_dtype=kind)
        for part in ("q", "k", "v", "out"):
            writer.add_tensor(f"{block}.attn_{part}.bias", np.zeros(width, F32))
        _add_plain_parts(writer, block, tower)


def _add_tower(writer: GGUFWriter, kind: str, tower: Tower, projection: int, epsilon: float) -> None:
    writer.add_uint32(f"clip.{kind}.embedding_length", tower.width)
    writer.add_uint32(f"clip.{kind}.feed_forward_length", tower.feed_forward)
    writer.add_uint32(f"clip.{kind}.block_count", tower.layers)
    writer.add_uint32(f"clip.{kind}.projection_dim", projection)
    writer.add_uint32(f"clip.{kind}.attention.head_count", tower.heads)
    writer.add_float32(f"clip.{kind}.attention.layer_norm_epsilon", epsilon)


def _add_plain_parts(writer: GGUFWriter, block: str, tower: Tower) -> None:
    """Norms that only normalise, and biases of zero."""
    for part in ("ln1", "ln2"):
        writer.add_tensor(f"{block}.{part}.weight", np.ones(tower.width, F32))
        writer.add_tensor(f"{block}.{part}.bias", np.zeros(tower.width, F32))
    writer.add_tensor(f"{block}.ffn_up.bias", np.zeros(tower.feed_forward, F32))
    writer.add_tensor(f"{block}.ffn_down.bias", np.zeros(tower.width, F32))
