"""Projectors of pictures with random weights: one for chunks that are decoded whole, one of a real model's size."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType

from scripts.make_media.projectors.parts import F32, Tower, add_random_layers, add_vision, projector_file
from scripts.make_media.texts import finish


def gemma3(path: Path, projection: int = 192, seed: int = 5) -> None:
    """Pictures of 128 x 128 pixels, patches of 8, pooled 2 x 2: 64 embeddings, which see each other."""
    tower, patch, image = Tower(width=64, feed_forward=128, heads=2, layers=2), 8, 128
    draw = np.random.default_rng(seed)
    writer = projector_file(path, "random gemma3")
    add_vision(writer, "gemma3", tower, image, patch, projection)
    writer.add_uint32("clip.vision.projector.scale_factor", 2)
    writer.add_tensor("v.patch_embd.weight", (draw.standard_normal((tower.width, 3, patch, patch)) / 8).astype(F32))
    writer.add_tensor("v.patch_embd.bias", np.zeros(tower.width, F32))
    writer.add_tensor("v.position_embd.weight", draw.standard_normal(((image // patch) ** 2, tower.width)).astype(F32))
    add_random_layers(writer, "v", tower, draw, GGMLQuantizationType.F32)
    writer.add_tensor("v.post_ln.weight", np.ones(tower.width, F32))
    writer.add_tensor("v.post_ln.bias", np.zeros(tower.width, F32))
    writer.add_tensor("mm.soft_emb_norm.weight", np.ones(tower.width, F32))
    writer.add_tensor("mm.input_projection.weight", (draw.standard_normal((tower.width, projection)) / 8).astype(F32))
    finish(writer)


def smolvlm_256m(path: Path, longest_side: int = 512, seed: int = 7) -> None:
    """SmolVLM-256M's tower: 12 layers of 768, tiles of 512 pixels with 64 embeddings each.

    With a ``longest_side`` of 512 a square picture is one tile and an overview, with SmolVLM's 2048 up to 16.
    """
    tower, patch, tile, projection = Tower(width=768, feed_forward=3072, heads=12, layers=12), 16, 512, 576
    draw = np.random.default_rng(seed)
    writer = projector_file(path, "random SmolVLM-256M tower")
    add_vision(writer, "idefics3", tower, tile, patch, projection)
    writer.add_uint32("clip.vision.projector.scale_factor", 4)
    writer.add_uint32("clip.vision.preproc_image_size", longest_side)
    writer.add_tensor("v.patch_embd.weight", (draw.standard_normal((tower.width, 3, patch, patch)) / 28).astype(F32))
    writer.add_tensor("v.patch_embd.bias", np.zeros(tower.width, F32))
    writer.add_tensor("v.position_embd.weight", draw.standard_normal(((tile // patch) ** 2, tower.width)).astype(F32))
    add_random_layers(writer, "v", tower, draw, GGMLQuantizationType.Q8_0)
    writer.add_tensor("v.post_ln.weight", np.ones(tower.width, F32))
    writer.add_tensor("v.post_ln.bias", np.zeros(tower.width, F32))
    inputs = 16 * tower.width  # 4 x 4 patches make one embedding
    drawn = (draw.standard_normal((projection, inputs)) * 0.1 / np.sqrt(inputs)).astype(F32)
    kind = GGMLQuantizationType.Q8_0
    writer.add_tensor("mm.model.fc.weight", gguf.quants.quantize(drawn, kind), raw_dtype=kind)
    finish(writer)
