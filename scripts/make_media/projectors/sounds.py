"""A projector of sound with random weights: other sounds give other embeddings, as large as those of words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGUFWriter
from numpy.typing import NDArray

from scripts.make_media.projectors.parts import F32, Tower, add_audio, add_still_layers, projector_file
from scripts.make_media.texts import finish

_WIDTH, _MELS, _STACK, _HIDDEN = 576, 80, 4, 128
_FRAMES = 1500
"""Of 30 s, behind the convolutions."""

_TOWER = Tower(width=32, feed_forward=64, heads=2, layers=1)


def ultravox(path: Path) -> None:
    """A projector of sound alone."""
    writer = projector_file(path, "random Ultravox for SmolLM2")
    add_ultravox(writer)
    finish(writer)


def add_ultravox(writer: GGUFWriter, seed: int = 9) -> None:
    """Whisper's encoder with random convolutions, and a projector: 375 embeddings for each 30 s."""
    draw = np.random.default_rng(seed)
    add_audio(writer, "ultravox", _TOWER, _MELS, _WIDTH, _STACK)
    for name, inputs in (("1", _MELS), ("2", _TOWER.width)):
        writer.add_tensor(f"a.conv1d.{name}.weight", _drawn(draw, _TOWER.width, inputs, 3).astype(np.float16))
        writer.add_tensor(f"a.conv1d.{name}.bias", np.zeros((_TOWER.width, 1), F32))
    writer.add_tensor("a.position_embd.weight", np.zeros((_FRAMES, _TOWER.width), F32))
    add_still_layers(writer, "a", _TOWER, key_bias=False)
    writer.add_tensor("mm.a.norm_pre.weight", np.ones(_TOWER.width * _STACK, F32))
    writer.add_tensor("mm.a.mlp.1.weight", _drawn(draw, _HIDDEN, _TOWER.width * _STACK))
    writer.add_tensor("mm.a.norm_mid.weight", np.full(_HIDDEN // 2, 0.2, F32))
    writer.add_tensor("mm.a.mlp.2.weight", _drawn(draw, _WIDTH, _HIDDEN // 2))


def _drawn(draw: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return draw.standard_normal(shape, F32) / F32(np.sqrt(np.prod(shape[1:])))
