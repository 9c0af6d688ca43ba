"""Estimates of speech models in CTranslate2's format, and of image models that stable-diffusion.cpp computes."""

from __future__ import annotations

import math
import os
from pathlib import Path

from shared.engines.diffusion.tensors import read_shapes
from shared.memory.files import all_bytes, largest_adapter_bytes, side_files
from shared.memory.pictures.needs import TILED_PIXELS, PaintingNeeds
from shared.memory.processes import MB, PICTURE_BYTES, SPEECH_BYTES
from shared.settings import ModelSettings

_HALF_AS_LARGE = 0.6
"""Files hold halves; on a CPU and a GPU weights are 8-bit integers, except for a few that stay floats."""

_SPEECH_BUFFERS = (60 * MB, 0.5)
"""Of a step with one chunk: at least, and by the size of the file."""

_LARGE_BATCH_BYTES = 200 * MB
_MEASURED_FILE_BYTES = 75 * MB
"""What large batches take beyond that, with Whisper tiny. Of others it grows with the width: the root of the size."""

_TINY_DECODER = "tae.decoder."

_FIRST_ATTENTION = "model.diffusion_model.input_blocks.1.1."
"""Only Stable Diffusion 1 and 2 have attention between all positions of the picture."""


def speech(model: ModelSettings) -> tuple[int, int, int]:
    """Weights, what fills with use, and processes of a folder of CTranslate2, in bytes."""
    size = os.stat(Path(model.path) / "model.bin").st_size
    least, share = _SPEECH_BUFFERS
    batches = round(_LARGE_BATCH_BYTES * math.sqrt(size / _MEASURED_FILE_BYTES))
    return round(_HALF_AS_LARGE * size), batches, SPEECH_BYTES + least + round(share * size)


def pictures(model: ModelSettings) -> tuple[int, int, int]:
    """The same of a checkpoint and the files beside it. The buffers are those of the largest picture."""
    weights = all_bytes(model) + sum(os.stat(file).st_size for file in side_files(model))
    side = model.max_image_side
    painting = painting_needs(model).bytes_for(side, side)
    return weights, painting + largest_adapter_bytes(model.lora_folder), PICTURE_BYTES


def painting_needs(model: ModelSettings) -> PaintingNeeds:
    """What decides how much memory the pictures of a checkpoint take.

    Raises:
        ModelError, OSError, ValueError: its file cannot be read.
    """
    names = read_shapes(Path(model.path))
    replaces_vae = bool(model.taesd) and model.preview_by != "taesd"
    tiled_above = {"auto": TILED_PIXELS, "on": 0, "off": None}[model.vae_tiling]
    return PaintingNeeds(
        is_tiny=replaces_vae or any(name.startswith(_TINY_DECODER) for name in names),
        has_full_attention=model.flash_attn == "off" and any(name.startswith(_FIRST_ATTENTION) for name in names),
        tiled_above=tiled_above,
    )
