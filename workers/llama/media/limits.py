"""What can be given to libmtmd. The rest is refused here: assertions in its code would end the process."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shared.gguf.header import GGUFHeader
from shared.wire.chat_media import MAX_PIXELS, MAX_RATIO, MAX_RECORDING_S, MIN_RECORDING_S
from shared.wire.payloads import JobError

MAX_WHOLE_S = 30.0
"""The longest recording for a projector that does not split it into pieces."""

FRAMES_PER_S = 100
"""Of a spectrogram. Two take one of the positions of an encoder that has a table of them."""

_SPLITTING = {"glma", "meralion", "musicflamingo", "qwen2a", "qwen2.5o", "qwen3a", "ultravox", "voxtral"}
"""Kinds of projectors that take any recording in pieces of 30 s."""


def check_picture(pixels: NDArray[np.uint8]) -> None:
    """Refuse a picture that is empty, too large or too narrow.

    Raises:
        JobError: 400.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < 1:
        raise JobError(400, f"picture: expected at least one pixel, got {width} x {height}")
    if height * width > MAX_PIXELS:
        raise JobError(400, f"picture: expected at most {MAX_PIXELS:,} pixels, got {width} x {height}")
    if max(height, width) > MAX_RATIO * min(height, width):
        raise JobError(
            400, f"picture: expected one side at most {MAX_RATIO} times the other, got {width} x {height} pixels"
        )


def longest_recording_s(header: GGUFHeader) -> float:
    """The longest recording that can be given to a projector with this header."""
    kind = header.metadata.get("clip.audio.projector_type") or header.metadata.get("clip.projector_type")
    if kind in _SPLITTING:
        return MAX_RECORDING_S
    tables = [tensor.dims[-1] for tensor in header.tensors if tensor.name == "a.position_embd.weight"]
    return min([MAX_WHOLE_S, *(2 * positions / FRAMES_PER_S for positions in tables)])


def check_recording(samples: NDArray[np.float32], sample_rate: int, longest_s: float) -> None:
    """Refuse a recording that is too short or too long, or has samples that are no numbers.

    Raises:
        JobError: 400.
    """
    seconds = len(samples) / sample_rate
    if not MIN_RECORDING_S <= seconds <= longest_s:
        raise JobError(400, f"recording: expected {MIN_RECORDING_S} s to {longest_s:g} s, got {seconds:.5g} s")
    if not np.isfinite(samples).all():
        raise JobError(400, "recording: expected samples that are numbers, got infinite ones or none")
