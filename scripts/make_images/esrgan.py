"""A small ESRGAN upscaler with random weights: one block, sides four times as long."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scripts.make_tiny_sd import Tensor, conv, write_gguf

_FEATURES = 64
_GROWTH = 32


def make_esrgan(folder: Path, seed: int = 0) -> dict[str, Path]:
    """Write the file to a folder; returns its path by the name of its option."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "esrgan-x4.gguf"
    write_gguf(path, list(_tensors()), {"general.architecture": "esrgan"}, seed)
    return {"upscaler": path}


def _tensors() -> Iterator[Tensor]:
    yield from conv("conv_first", 3, _FEATURES)
    for part in ("rdb1", "rdb2", "rdb3"):
        for layer in range(5):
            outputs = _GROWTH if layer < 4 else _FEATURES
            yield from conv(f"body.0.{part}.conv{layer + 1}", _FEATURES + layer * _GROWTH, outputs)
    for name in ("conv_body", "conv_up1", "conv_up2", "conv_hr"):
        yield from conv(name, _FEATURES, _FEATURES)
    yield from conv("conv_last", _FEATURES, 3)
