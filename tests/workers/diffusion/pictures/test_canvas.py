"""Pictures of any size lie in the middle of what a model can paint."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from workers.diffusion.pictures.canvas import Canvas, Size


def noise(size: Size) -> Image.Image:
    pixels = np.random.default_rng(7).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize(
    ("size", "multiple", "painted"),
    [
        ((512, 768), 64, (512, 768)),
        ((1024, 1536), 64, (1024, 1536)),
        ((1792, 1008), 64, (1792, 1024)),
        ((500, 333), 64, (512, 384)),
        ((500, 333), 16, (512, 336)),
        ((1, 1), 64, (64, 64)),
    ],
)
def test_the_painted_size_is_the_next_that_the_model_can(size: Size, multiple: int, painted: Size) -> None:
    assert Canvas.of(size, multiple) == Canvas(size, size, painted)


@pytest.mark.parametrize("size", [(64, 64), (65, 64), (100, 130), (1, 3)])
def test_what_is_widened_is_cut_back_exactly(size: Size) -> None:
    canvas, image = Canvas.of(size, 64), noise(size)
    wide = canvas.widened(image)
    assert wide.size == canvas.painted
    assert canvas.cut(wide).tobytes() == image.tobytes()


def test_a_picture_beyond_the_limit_is_drawn_smaller_and_enlarged() -> None:
    canvas = Canvas.of((1536, 1024), 64, 512 * 512)
    assert canvas == Canvas((1536, 1024), (627, 418), (640, 448))
    assert canvas.widened(noise(canvas.size)).size == canvas.painted
    assert canvas.widened_mask(Image.new("L", canvas.size)).size == canvas.painted
    assert canvas.cut(noise(canvas.painted)).size == canvas.size


def test_the_outermost_pixels_are_repeated_around_a_picture_and_a_mask_is_black_there() -> None:
    canvas = Canvas.of((60, 64), 64)
    image = noise(canvas.size)
    wide = np.asarray(canvas.widened(image))
    assert (wide[:, :2] == np.asarray(image)[:, :1]).all()
    assert (wide[:, 62:] == np.asarray(image)[:, 59:]).all()
    mask = np.asarray(canvas.widened_mask(Image.new("L", canvas.size, 255)))
    assert (mask[:, :2] == 0).all()
    assert (mask[:, 2:62] == 255).all()
