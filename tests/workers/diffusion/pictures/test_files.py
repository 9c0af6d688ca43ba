"""Finished pictures as files, with their parameters."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from shared.wire.pictures import PictureFormat
from workers.diffusion.pictures.files import picture_file

IMAGE = Image.fromarray(np.random.default_rng(7).integers(0, 256, (48, 32, 3), dtype=np.uint8))
TEXTS = ["a cat\nSteps: 20, Size: 32x48", "eine Straße 🏠\nSteps: 20"]


def comment_of(file: bytes) -> str:
    """The comment in Exif data, as front ends read it."""
    raw = Image.open(io.BytesIO(file)).getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment]
    encodings = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16-be"}
    return bytes(raw[8:]).decode(encodings[bytes(raw[:8])])


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_a_file_is_of_the_wanted_format(format: PictureFormat) -> None:
    image = Image.open(io.BytesIO(picture_file(IMAGE, format)))
    assert (image.format, image.size, image.mode) == (format.upper(), IMAGE.size, "RGB")


def test_a_png_is_exact() -> None:
    assert Image.open(io.BytesIO(picture_file(IMAGE))).tobytes() == IMAGE.tobytes()


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_less_quality_takes_less_room(format: PictureFormat) -> None:
    sizes = [len(picture_file(IMAGE, format, compression)) for compression in (0, 50, 100)]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("text", TEXTS)
def test_the_parameters_are_in_every_format(text: str) -> None:
    assert Image.open(io.BytesIO(picture_file(IMAGE, text=text))).info["parameters"] == text
    assert comment_of(picture_file(IMAGE, "jpeg", text=text)) == text
    assert comment_of(picture_file(IMAGE, "webp", text=text)) == text


@pytest.mark.parametrize("letter", ["a", "ß", "🏠"])
def test_parameters_that_are_too_long_for_a_jpeg_keep_both_ends(letter: str) -> None:
    comment = comment_of(picture_file(IMAGE, "jpeg", text=f"begin {letter * 100_000} end"))
    assert comment.startswith(f"begin {letter}")
    assert " ... " in comment
    assert comment.endswith(f"{letter} end")
