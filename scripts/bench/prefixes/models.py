"""The models whose prefixes are measured: random ones of half the usual width, and any other by its name."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from scripts.make_gguf.scaled import file_of
from scripts.make_gguf.shapes.making import cache_folder, make
from scripts.make_gguf.shapes.shape import Shape, shape_of

HALF = "half-"
"""``half-hybrid`` is the shape ``hybrid`` with half the width, in Q8_0: the cold prompt of a whole one takes minutes on
two cores, and in a tiny one the fixed cost of a step is most of the time."""


def model_file(name: str) -> Path:
    """The file of a model; a random one is made if it is not there.

    Raises:
        ValueError: there is no such shape.
        ModelError: there is no such model.
    """
    if name.startswith(HALF):
        return _half(name, shape_of(name.removeprefix(HALF)))
    return Path(file_of(name))


def _half(name: str, shape: Shape) -> Path:
    half = replace(
        shape,
        width=shape.width // 2,
        feed_forward=shape.feed_forward // 2,
        heads=shape.heads // 2,
        kv_heads=(shape.kv_heads + 1) // 2,
    )
    path = cache_folder() / f"{name}-q8_0-{sha256(repr(half).encode()).hexdigest()[:10]}.gguf"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path, half, "q8_0", print)
    return path
