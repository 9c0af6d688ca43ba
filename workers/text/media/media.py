"""The pictures and recordings of a chat, as a projector takes them: pixels and samples, whatever the files were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class DecodedPicture:
    """``pixels`` (uint8, shape ``(height, width, 3)``: red, green, blue), upright, on white where it was transparent.

    ``digest`` is a hash of the pixels and of their shape: two files with the same picture have the same one.
    """

    pixels: NDArray[np.uint8]
    digest: bytes


@dataclass(frozen=True, slots=True, eq=False)
class DecodedRecording:
    """``samples`` (float32, shape ``(n,)``, -1 to 1): one channel at the projector's sample rate.

    ``digest`` is a hash of the samples and of that rate.
    """

    samples: NDArray[np.float32]
    digest: bytes


DecodedMedium = DecodedPicture | DecodedRecording
