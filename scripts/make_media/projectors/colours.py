"""Projectors that are built by hand, not trained: what they make of a picture can be known.

A patch's mean colour becomes the sum of SmolLM2's embeddings of the words red, green and blue, each as strong as the
colour has of it. So the model reads the names of the colours where the picture stands.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.make_media.projectors.parts import F32, Tower, add_still_layers, add_vision, projector_file
from scripts.make_media.projectors.sounds import add_ultravox
from scripts.make_media.texts import finish, word_vectors

COLOURS = ("red", "green", "blue")
WIDTH = 576
"""Of SmolLM2's embeddings."""

_TOWER = Tower(width=32, feed_forward=64, heads=2, layers=1)
_CONSTANT = 3
"""The value of a patch that is always 1. Before it are those of its colour, behind it zeros."""


def smolvlm(path: Path) -> None:
    """idefics3: tiles of 64 x 64 pixels with 4 embeddings each, the longer side scaled to 128; and sound."""
    tile, patch = 64, 16
    writer = projector_file(path, "colours for SmolLM2")
    add_vision(writer, "idefics3", _TOWER, tile, patch, WIDTH, beside_audio=True)
    writer.add_uint32("clip.vision.projector.scale_factor", 2)
    writer.add_uint32("clip.vision.preproc_image_size", 2 * tile)
    writer.add_tensor("v.patch_embd.weight", _patches(patch))
    positions = np.zeros(((tile // patch) ** 2, _TOWER.width), F32)
    positions[:, _CONSTANT] = 1
    writer.add_tensor("v.position_embd.weight", positions)
    add_still_layers(writer, "v", _TOWER)
    projection = np.zeros((WIDTH, 4, _TOWER.width), F32)  # four patches make one embedding: their mean
    projection[:, :, : _CONSTANT + 1] = _colour_vectors()[:, None, :] / 4
    writer.add_tensor("mm.model.fc.weight", projection.reshape(WIDTH, -1))
    add_ultravox(writer)
    finish(writer)


def qwen2vl(path: Path) -> None:
    """qwen2vl_merger: patches of 14 pixels, of which four make one embedding.

    The GELU between its two matrices is passed in pairs, since gelu(x) - gelu(-x) = x.
    """
    patch = 14
    writer = projector_file(path, "colours for SmolLM2 as qwen2vl")
    add_vision(writer, "qwen2vl_merger", _TOWER, 560, patch, WIDTH)
    for name in ("v.patch_embd.weight", "v.patch_embd.weight.1"):  # of two frames, which are the same picture
        writer.add_tensor(name, _patches(patch) / 2)
    add_still_layers(writer, "v", _TOWER)
    first = np.zeros((8, 4, _TOWER.width), F32)
    for channel in range(3):
        first[2 * channel, :, channel] = 1 / 4
        first[2 * channel + 1, :, channel] = -1 / 4
    colours = _colour_vectors()
    second = np.zeros((WIDTH, 8), F32)
    second[:, 0:6:2] = colours[:, :_CONSTANT]
    second[:, 1:6:2] = -colours[:, :_CONSTANT]
    writer.add_tensor("mm.0.weight", first.reshape(8, -1))
    writer.add_tensor("mm.0.bias", np.zeros(8, F32))
    writer.add_tensor("mm.2.weight", second)
    writer.add_tensor("mm.2.bias", colours[:, _CONSTANT].copy())
    finish(writer)


def _colour_vectors() -> NDArray[np.float32]:
    """From red, green, blue (each from -1 to 1) and 1 to an embedding: shape (576, 4)."""
    words = word_vectors(COLOURS)
    return np.concatenate([words.T / 2, words.sum(0)[:, None] / 2], axis=1)


def _patches(patch: int) -> NDArray[np.float32]:
    """A convolution whose first three outputs are a patch's mean colour: shape (width, 3, patch, patch)."""
    kernel = np.zeros((_TOWER.width, 3, patch, patch), F32)
    for channel in range(3):
        kernel[channel, channel] = 1 / patch**2
    return kernel
