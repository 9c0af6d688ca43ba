"""What a mask keeps comes back as it was."""

from __future__ import annotations

import numpy as np
from PIL import Image

from workers.diffusion.pictures.masks import Repainting

SIZE = (64, 32)
PICTURE = Image.fromarray(np.random.default_rng(7).integers(0, 256, (32, 64, 3), dtype=np.uint8))
NEW = Image.new("RGB", SIZE, (1, 2, 3))


def left_half() -> Image.Image:
    mask = Image.new("L", SIZE)
    mask.paste(255, (0, 0, 32, 32))
    return mask


def test_kept_pixels_are_exact_and_the_others_are_new() -> None:
    repainting = Repainting.of(PICTURE, left_half(), blur=0)
    laid = np.asarray(repainting.laid_back(NEW))
    assert (laid[:, 32:] == np.asarray(PICTURE)[:, 32:]).all()
    assert (laid[:, :32] == (1, 2, 3)).all()
    assert repainting.mask.tobytes() == left_half().tobytes()


def test_a_soft_edge_goes_from_one_to_the_other_within_what_the_model_paints() -> None:
    repainting = Repainting.of(Image.new("RGB", SIZE, (255, 255, 255)), left_half(), blur=4)
    row = np.asarray(repainting.laid_back(Image.new("RGB", SIZE)))[16, :, 0]
    assert row[0] == 0
    assert row[63] == 255
    assert len({int(value) for value in row}) > 8
    painted = np.asarray(repainting.mask)[16]
    assert (painted[row < 255] == 255).all()
    assert painted[63] == 0
