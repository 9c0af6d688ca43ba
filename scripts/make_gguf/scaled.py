"""Models of random weights whose layers change the hidden state more or less, as in ``random-1b-q4_0@0.02``.

The less its layers change, the more often a small model draws what a large one does. With 0.1, as the shapes have it,
``100m`` agrees with ``1b`` in about one token of seven.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from dataclasses import replace
from pathlib import Path

import llama_cpp
from filelock import FileLock

from scripts.make_gguf.shapes import families, tensors
from scripts.make_gguf.shapes.making import PREFIX, Say, cache_folder, make, parsed, random_model
from scripts.make_gguf.shapes.shape import Shape
from shared.hub.store import ModelStore
from shared.models.resolution import resolve

MARK = "@"


def made_model(name: str, say: Say) -> Path:
    """The file of a model of random weights, with a ``layer_scale`` of its own behind a ``@``. It is kept in the cache.

    Raises:
        ValueError: there is no such shape, quantisation or number.
        QuantizationError: llama.cpp refused it.
        ModelError: the packaged vocabulary is missing.
    """
    base, mark, scale = name.partition(MARK)
    if not mark:
        return random_model(base, say)
    shape, quantization = parsed(base)
    try:
        scaled = replace(shape, layer_scale=float(scale))
    except ValueError:
        raise ValueError(f"layer scale: expected a number after {MARK}, got {scale}") from None
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{_version(scaled)}.gguf"
    with FileLock(folder / f"{name}.lock"):
        if not path.exists():
            make(path, scaled, quantization, say)
    return path


def file_of(name: str) -> str:
    """The path of a model, which is a file, a name of the catalog, or one as for :func:`made_model`; "" for "".

    Raises:
        ValueError, QuantizationError, ModelError: as there.
    """
    if not name or Path(name).exists():
        return name
    if not name.startswith(PREFIX):
        return str(resolve(name, ModelStore()).path)
    return str(made_model(name, lambda said: print(said, file=sys.stderr)))


def _version(shape: Shape) -> str:
    """Changes with what draws the weights."""
    read = "".join([repr(shape), llama_cpp.__version__, inspect.getsource(families), inspect.getsource(tensors)])
    return hashlib.sha256(read.encode()).hexdigest()[:10]
