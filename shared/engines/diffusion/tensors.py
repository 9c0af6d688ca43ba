"""The names and shapes of the tensors in a file that may be an image model, or a part of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shared.engines.diffusion.pickles import read_pickled_shapes
from shared.engines.diffusion.versions import Shapes
from shared.engines.safetensors import read_tensors
from shared.gguf.header import GGUFHeader, read_gguf_header

SAFETENSORS = (".safetensors", ".sft")
PICKLES = (".ckpt", ".pt", ".pth")
CHECKPOINTS = (*SAFETENSORS, *PICKLES)
"""Ends of the names of checkpoints, in lower case."""


def read_shapes(path: Path) -> Shapes:
    """The shapes of the tensors in a file, by name, the fastest dimension first.

    They are none for files of PyTorch before 1.6.

    Raises:
        ModelError: the file is damaged; a :class:`~shared.gguf.reader.GGUFError` for GGUF.
        OSError: it cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix in PICKLES:
        return read_pickled_shapes(path)
    if suffix in SAFETENSORS:
        return {name: _shape(tensor) for name, tensor in read_tensors(path).items()}
    return shapes_in(read_gguf_header(path))


def shapes_in(header: GGUFHeader) -> Shapes:
    """The same of a GGUF file whose header was read."""
    return {tensor.name: tensor.dims for tensor in header.tensors}


def _shape(tensor: Any) -> tuple[int, ...]:
    shape = tensor.get("shape") if isinstance(tensor, dict) else None
    if not isinstance(shape, list) or not all(type(side) is int for side in shape):
        return ()
    return tuple(reversed(shape))
