"""The autoencoder: from pictures to latents and back. Large ones are computed in tiles, which take little memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from workers.diffusion.painting import PaintError
from workers.engine import EngineLoadError
from workers.onnx.images.graph import Floats, Graph, as_floats

LATENT_CHANNELS = 4
PIXELS = 8
"""The side of the square of pixels that one latent stands for."""

MAX_WHOLE = 128 * 128
"""Latents that are computed at once, those of 1024 x 1024 pixels: about 4 GB in single precision."""

TILE, OVERLAP = 96, 16
"""Latents along a side of a tile, and how many of them two neighbours share."""


class Autoencoder:
    """The two halves of an autoencoder; without an encoder there are no input pictures."""

    def __init__(self, decoder: Graph, encoder: Graph | None, scaling: float, shift: float) -> None:
        """Check the graphs. Latents are ``scaling`` times what the encoder gives, less ``shift``.

        Raises:
            EngineLoadError: one lacks an input.
        """
        decoder.expect("latent_sample")
        if encoder is not None:
            encoder.expect("sample")
        if decoder.fixed("latent_sample", 1) not in (None, LATENT_CHANNELS):
            raise EngineLoadError(
                f"vae_decoder/model.onnx: expected {LATENT_CHANNELS} channels of latents, got "
                f"{decoder.fixed('latent_sample', 1)}"
            )
        self._decoder = decoder
        self._encoder = encoder
        self._scaling = np.float32(scaling)
        self._shift = np.float32(shift)

    @property
    def can_encode(self) -> bool:
        """Whether there is an encoder."""
        return self._encoder is not None

    def decode(self, latents: Floats) -> Image.Image:
        """The picture of ``latents``, 1 x 4 x height x width.

        Raises:
            PaintError: the graph failed or overflowed, or the picture is cancelled.
        """
        given = latents / self._scaling + self._shift
        if self._is_whole(self._decoder, "latent_sample", given.shape[2] * given.shape[3]):
            values = self._decode(given)
        else:
            values = in_tiles(given, 3, self._decode)
        if not np.isfinite(values).all():
            raise PaintError("the autoencoder's numbers became too large; one in single precision (float32) may do it")
        pixels = np.rint(np.clip(values[0].transpose(1, 2, 0) / 2 + 0.5, 0.0, 1.0) * 255.0).astype(np.uint8)
        return Image.fromarray(pixels)

    def encode(self, image: Floats) -> Floats:
        """The latents of ``image``, 1 x 3 x height x width from -1 to 1: the most likely ones.

        Raises:
            PaintError: the graph failed, or the picture is cancelled.
        """
        assert self._encoder is not None
        if self._is_whole(self._encoder, "sample", image.shape[2] * image.shape[3] // PIXELS**2):
            latents = self._encode(image)
        else:
            latents = in_tiles(image, LATENT_CHANNELS, self._encode, shrinks=True)
        return (latents - self._shift) * self._scaling

    def _is_whole(self, graph: Graph, name: str, latents: int) -> bool:
        """Whether it is computed at once: it is small, or the graph takes one size only."""
        return latents <= MAX_WHOLE or graph.fixed(name, 3) is not None

    def _decode(self, latents: Floats) -> Floats:
        outputs = self._decoder.run({"latent_sample": latents}, shrinks=True)
        return as_floats(next(iter(outputs.values())))

    def _encode(self, image: Floats) -> Floats:
        assert self._encoder is not None
        outputs = self._encoder.run({"sample": image}, shrinks=True)
        # Means and logarithms of variances, or latents.
        return as_floats(next(iter(outputs.values())))[:, :LATENT_CHANNELS]


def in_tiles(values: Floats, channels: int, compute: Callable[[Floats], Floats], shrinks: bool = False) -> Floats:
    """``compute`` of all ``values``, tile by tile; where tiles overlap, one fades into the next.

    Each side becomes ``PIXELS`` times as long, or as much shorter if it ``shrinks``. Results have ``channels``.
    """
    tile, overlap = (TILE * PIXELS, OVERLAP * PIXELS) if shrinks else (TILE, OVERLAP)

    def scaled(length: int) -> int:
        return length // PIXELS if shrinks else length * PIXELS

    height, width = values.shape[2:]
    total = np.zeros((1, channels, scaled(height), scaled(width)), np.float32)
    weights = np.zeros((1, 1, scaled(height), scaled(width)), np.float32)
    for top in _places(height, tile, overlap):
        for left in _places(width, tile, overlap):
            part = compute(values[:, :, top : top + tile, left : left + tile])
            down, across = part.shape[2:]
            fading = _ramp(down, scaled(overlap))[:, None] * _ramp(across, scaled(overlap))[None, :]
            place = np.s_[:, :, scaled(top) : scaled(top) + down, scaled(left) : scaled(left) + across]
            total[place] += part * fading
            weights[place] += fading
    return total / weights


def _places(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin that cover ``length``; the last one ends with it."""
    last = max(length - tile, 0)
    return [*range(0, last, tile - overlap), last]


def _ramp(length: int, overlap: int) -> Floats:
    """The weights along a side of a tile: rising, 1, and falling, and nowhere 0."""
    places = np.arange(length, dtype=np.float32)
    from_edge = np.minimum(places, places[::-1]) + 1
    return np.minimum(from_edge / np.float32(overlap), np.float32(1))
