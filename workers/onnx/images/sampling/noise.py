"""Random numbers of our own: the same seed gives the same noise, whatever the machine, numpy or batch."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_ROUNDS = 10
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_LOW, _SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)
_TO_UNIT = np.float32(2.0**-32)
_TO_CIRCLE = np.float32(2.0**-32 * 2.0 * math.pi)


def philox(counter: NDArray[np.uint32], seed: int) -> NDArray[np.uint32]:
    """Philox4x32-10 of ``counter``, 4 x n, with the 64 bits of ``seed`` as the key.

    Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
    """
    words = [row.astype(np.uint64) for row in counter]
    keys = [seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF]
    for _ in range(_ROUNDS):
        first, second = words[0] * _MULTIPLIERS[0], words[2] * _MULTIPLIERS[1]
        words = [
            (second >> _SHIFT) ^ words[1] ^ np.uint64(keys[0]),
            second & _LOW,
            (first >> _SHIFT) ^ words[3] ^ np.uint64(keys[1]),
            first & _LOW,
        ]
        keys = [(key + step) & 0xFFFFFFFF for key, step in zip(keys, _KEY_STEPS, strict=True)]
    return np.stack(words).astype(np.uint32)


class SeededNoise:
    """Normal numbers from a seed, drawn call by call.

    They are those that stable-diffusion.cpp and PyTorch on a GPU draw: the same seed gives similar pictures there.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._calls = 0

    def normal(self, shape: tuple[int, ...]) -> Array:
        """The next numbers, of mean 0 and variance 1."""
        count = math.prod(shape)
        counter = np.zeros((4, count), np.uint32)
        counter[0] = self._calls
        counter[2] = np.arange(count, dtype=np.uint32)
        self._calls += 1
        drawn = philox(counter, self._seed)
        radius = np.sqrt(-2.0 * np.log(drawn[0] * _TO_UNIT + _TO_UNIT / 2))
        numbers: Array = (radius * np.sin(drawn[1] * _TO_CIRCLE + _TO_CIRCLE / 2)).astype(np.float32)
        return numbers.reshape(shape)
