"""What painting a picture takes of the memory, beside the model's weights: by its pixels."""

from __future__ import annotations

from dataclasses import dataclass

TINY_BYTES_PER_PIXEL = 2_000
"""What a tiny autoencoder takes to decode a picture: measured at 256x256, 512x512 and 1024x1024."""

VAE_BYTES_PER_PIXEL = 13 * 128 * 4
"""The same of a whole one: thirteen layers of 128 channels of floats at once."""

TILED_PIXELS = 1024 * 1024
"""With automatic tiling, the largest picture that is decoded at once."""

TILE_PIXELS = 256 * 256
"""Pixels of a tile, of the library's 32 positions of 8 pixels."""

TILED_BYTES_PER_PIXEL = 40
"""What is kept of a picture that is decoded in tiles: floats of what is summed up, and bytes."""

DIFFUSION_BYTES_PER_PIXEL = 600
"""What a step of a diffusion model takes with flash attention: some twelve layers' values of 3072 for 16x16 pixels, or
those of a UNet; Stable Diffusion 1 at 2048x2048 takes 1.9 GB, which are 450."""

SCORES_PER_PIXEL_PAIR = 32
"""Bytes of the attention for each pair of positions without flash attention: 8 heads with floats.

A position has 8 by 8 pixels.
"""


@dataclass(frozen=True, slots=True)
class PaintingNeeds:
    """What of a model decides how much memory a picture takes.

    ``is_tiny``: its autoencoder is a tiny one. ``has_full_attention``: without flash attention, it keeps the scores of
    all pairs of positions, as Stable Diffusion 1 and 2 do. Larger pictures than ``tiled_above`` pixels are decoded in
    tiles; None: none are.
    """

    is_tiny: bool = False
    has_full_attention: bool = False
    tiled_above: int | None = TILED_PIXELS

    def bytes_for(self, width: int, height: int) -> int:
        """Memory that a picture of this size takes while it is painted, beyond the weights."""
        pixels = width * height
        attention = SCORES_PER_PIXEL_PAIR * (pixels // 64) ** 2 if self.has_full_attention else 0
        return max(self._decoding(pixels), attention + DIFFUSION_BYTES_PER_PIXEL * pixels)

    def _decoding(self, pixels: int) -> int:
        per_pixel = TINY_BYTES_PER_PIXEL if self.is_tiny else VAE_BYTES_PER_PIXEL
        if self.tiled_above is None or pixels <= self.tiled_above:
            return per_pixel * pixels
        return per_pixel * TILE_PIXELS + TILED_BYTES_PER_PIXEL * pixels
