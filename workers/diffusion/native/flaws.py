"""Pictures that are none."""

from __future__ import annotations

import numpy as np
from PIL import Image

from workers.diffusion.painting import PaintError, Painting


def check_painted(image: Image.Image, preview: Image.Image | None, painting: Painting) -> None:
    """Check that a model gave a picture: what is no number becomes a surface of one colour, without an error.

    An autoencoder may make an edge of that; a projection of the last step, the ``preview``, stays flat.

    Raises:
        PaintError: all pixels are alike, and no input picture is so.
    """
    if not _is_flat(image) and (preview is None or not _is_flat(preview)):
        return
    given = (painting.image, painting.control, *painting.references)
    if not any(picture is not None and _is_flat(picture) for picture in given):
        raise PaintError(
            "all its pixels are alike, as when the model computes no numbers: damaged weights, too large a weight of a "
            "LoRA, or a type of weights that overflows (then weight_type=bf16 or f32 helps) may be the cause"
        )


def _is_flat(image: Image.Image) -> bool:
    return bool(np.ptp(np.asarray(image.convert("RGB")), axis=(0, 1)).max() == 0)
