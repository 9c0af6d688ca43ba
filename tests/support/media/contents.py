"""Pictures and sounds to give to a projector, and files of them."""

from __future__ import annotations

import hashlib
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workers.text.media.media import DecodedPicture, DecodedRecording

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}

SAMPLE_RATE = 16_000


def picture(pixels: NDArray[np.uint8]) -> DecodedPicture:
    """A decoded picture."""
    return DecodedPicture(pixels, hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest())


def plain_picture(colour: str, width: int = 140, height: int = 100, form: str = "PNG") -> DecodedPicture:
    """A picture of one colour, read from a file of this format."""
    data = picture_file(np.full((height, width, 3), COLOURS[colour], np.uint8), form)
    return picture(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def noise_picture(seed: int, width: int = 140, height: int = 100) -> DecodedPicture:
    """A picture unlike others."""
    return picture(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def picture_file(pixels: NDArray[np.uint8], form: str = "PNG") -> bytes:
    """A file with a picture."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def recording(samples: NDArray[np.float32]) -> DecodedRecording:
    """A decoded recording."""
    return DecodedRecording(samples, hashlib.sha256(samples.tobytes()).digest())


def tone(hertz: float, seconds: float = 1.0) -> DecodedRecording:
    """A recording of a tone."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return recording((0.3 * np.sin(2 * np.pi * hertz * times)).astype(np.float32))
