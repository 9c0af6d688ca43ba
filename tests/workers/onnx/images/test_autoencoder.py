"""Large pictures in tiles."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.support.onnx.tiny_pipelines import tiny_pipeline
from workers.diffusion.painting import PaintError
from workers.onnx.images import autoencoder as tiled
from workers.onnx.images.autoencoder import OVERLAP, PIXELS, TILE, Autoencoder, in_tiles
from workers.onnx.images.graph import Floats
from workers.onnx.images.loading import load_pipeline
from workers.onnx.images.options import OnnxPictureOptions


@pytest.fixture(scope="module")
def autoencoder() -> Autoencoder:
    options = OnnxPictureOptions(str(tiny_pipeline()), "tiny", threads=2)
    return load_pipeline(options, lambda fraction: None).autoencoder


def larger(values: Floats) -> Floats:
    return values[:, :3].repeat(PIXELS, axis=2).repeat(PIXELS, axis=3)


def smaller(values: Floats) -> Floats:
    return values[:, :1, ::PIXELS, ::PIXELS].repeat(4, axis=1)


@pytest.mark.parametrize("size", [(96, 96), (97, 200), (240, 130), (8, 113)])
def test_tiles_join_without_seams(size: tuple[int, int]) -> None:
    values = np.random.default_rng(0).standard_normal((1, 4, *size)).astype(np.float32)
    assert in_tiles(values, 3, larger) == pytest.approx(larger(values), abs=1e-5)
    image = values[:, :3].repeat(PIXELS, axis=2).repeat(PIXELS, axis=3)
    assert in_tiles(image, 4, smaller, shrinks=True) == pytest.approx(smaller(image), abs=1e-5)


def test_no_tile_is_larger_than_it_may_be() -> None:
    seen: list[tuple[int, ...]] = []

    def compute(values: Floats) -> Floats:
        seen.append(values.shape[2:])
        return larger(values)

    in_tiles(np.zeros((1, 4, 2 * TILE, TILE + 4), np.float32), 3, compute)
    assert set(seen) == {(TILE, TILE)}
    assert len(seen) == 3 * 2
    assert OVERLAP < TILE


def test_a_large_picture_is_nearly_the_same_in_tiles(autoencoder: Autoencoder, monkeypatch: pytest.MonkeyPatch) -> None:
    latents = np.random.default_rng(1).standard_normal((1, 4, 100, 110)).astype(np.float32)
    whole = np.asarray(autoencoder.decode(latents), np.int16)
    monkeypatch.setattr(tiled, "MAX_WHOLE", 64 * 64)
    parts = np.asarray(autoencoder.decode(latents), np.int16)
    assert parts.shape == whole.shape == (100 * 8, 110 * 8, 3)
    assert 0.0 < abs(parts - whole).mean() < 3.0


def test_the_latents_of_a_picture_give_it_its_size_back(autoencoder: Autoencoder) -> None:
    latents = autoencoder.encode(np.zeros((1, 3, 64, 128), np.float32))
    assert latents.shape == (1, 4, 8, 16)
    assert autoencoder.decode(latents).size == (128, 64)
    assert isinstance(autoencoder.decode(latents), Image.Image)


def test_numbers_that_are_too_large_make_no_black_picture(autoencoder: Autoencoder) -> None:
    with pytest.raises(PaintError, match="numbers became too large"):
        autoencoder.decode(np.full((1, 4, 8, 8), np.inf, np.float32))
