"""Tensors whose weights are drawn only when they are written, one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from scripts.make_gguf.file import F16, F32

Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class DrawnTensor:
    """A tensor in halves, or in floats if ``exact``; numpy's order of dimensions, slowest first.

    ``draw`` makes its weights with a generator of its own, so that they depend on its name and the seed only.
    """

    name: str
    dimensions: tuple[int, ...]
    draw: Callable[[np.random.Generator], Values]
    exact: bool = False
    seed: int = 0

    @property
    def ggml_type(self) -> int:
        """Of floats or halves."""
        return F32 if self.exact else F16

    @property
    def size_bytes(self) -> int:
        """In the file."""
        return math.prod(self.dimensions) * (4 if self.exact else 2)

    def seeded(self, seed: int) -> DrawnTensor:
        """The same tensor with other weights."""
        return replace(self, seed=seed)

    def data(self) -> bytes:
        """The weights."""
        values = self.draw(np.random.default_rng([self.seed, crc32(self.name.encode())]))
        assert values.shape == self.dimensions
        return values.astype(np.float32 if self.exact else np.float16).tobytes()
