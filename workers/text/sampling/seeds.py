"""Seeds of single draws."""

from __future__ import annotations

_MASK_64 = (1 << 64) - 1


def draw_seed(seed: int, position: int) -> int:
    """The seed of the draw after ``position`` tokens: splitmix64 (Steele et al. 2014) at that position.

    It is below 2**32 - 1, which means a random seed in llama.cpp.
    """
    state = (seed + (position + 1) * 0x9E3779B97F4A7C15) & _MASK_64
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK_64
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK_64
    return (state ^ (state >> 31)) % 0xFFFFFFFF
