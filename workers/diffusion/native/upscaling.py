"""Enlarging a picture with an ESRGAN model."""

from __future__ import annotations

import os
from typing import Any

import stable_diffusion_cpp as sd_cpp
from PIL import Image

from workers.diffusion.native.log import NATIVE_LOG
from workers.diffusion.native.pictures import native_image, take_single
from workers.diffusion.painting import PaintError

TILE_SIDE = 128
"""Pixels that are enlarged at once: with few, little memory is needed."""


def enlarged(image: Image.Image, scale: float | None, path: str, threads: int) -> Image.Image:
    """An RGB picture ``scale`` times as large, or by the factor of the upscaler in ``path``.

    Raises:
        PaintError: the upscaler cannot be loaded, or gives no picture.
    """
    NATIVE_LOG.forget_errors()
    upscaler = sd_cpp.new_upscaler_ctx(os.fsencode(path), False, False, threads, TILE_SIDE)
    if not upscaler:
        raise PaintError(f"the upscaler cannot be loaded: {NATIVE_LOG.error()}")
    kept: list[Any] = []
    try:
        factor = sd_cpp.get_upscale_factor(upscaler)
        found = take_single(sd_cpp.upscale(upscaler, native_image(image, kept), factor))
    finally:
        sd_cpp.free_upscaler_ctx(upscaler)
    if found is None:
        raise PaintError(NATIVE_LOG.error())
    if scale is None or scale == factor:
        return found
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return found.resize(size, Image.Resampling.LANCZOS)
