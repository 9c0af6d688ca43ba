"""Pictures of a chat as models get them: upright, on white, small enough, or refused."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shared.wire.chat_media import MAX_PIXELS
from shared.wire.payloads import JobError
from workers.text.sandbox.decoding import pictures
from workers.text.sandbox.decoding.pictures import decode_picture

FIELD = "messages.0.content.1"
LEFT_RED = np.array([[[255, 0, 0]] * 4 + [[0, 0, 255]] * 4] * 6, np.uint8)
"""Red on the left, blue on the right: 8 x 6."""


def packed(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decoded(data: bytes) -> NDArray[np.uint8]:
    width, height, pixels = decode_picture(data, FIELD)
    return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def refusal(data: bytes) -> str:
    with pytest.raises(JobError) as caught:
        decode_picture(data, FIELD)
    failed = caught.value.failed
    assert (failed.status, failed.param) == (400, FIELD)
    assert failed.message.startswith(f"{FIELD}: expected ")
    return failed.message


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True}), ("GIF", {}), ("JPEG", {"quality": 100})],
)
def test_each_format_gives_its_pixels(kind: str, options: dict[str, Any]) -> None:
    found = decoded(packed(Image.fromarray(LEFT_RED), kind, **options)).astype(int)
    assert found.shape == LEFT_RED.shape
    assert np.abs(found[:, [0, 7]] - LEFT_RED[:, [0, 7]]).max() < 12


@pytest.mark.parametrize(("orientation", "red"), [(1, "left"), (3, "right"), (6, "top"), (8, "bottom"), (2, "right")])
def test_pictures_are_turned_upright(orientation: int, red: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decoded(packed(Image.fromarray(LEFT_RED), exif=exif))
    sides = {"left": found[:, 0], "right": found[:, -1], "top": found[0], "bottom": found[-1]}
    assert (sides[red] == (255, 0, 0)).all()


def test_metadata_that_cannot_be_read_change_nothing() -> None:
    found = decoded(packed(Image.fromarray(LEFT_RED), "JPEG", quality=100, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"))
    assert found.shape == LEFT_RED.shape


def test_a_large_profile_of_colours_changes_nothing() -> None:
    assert (decoded(packed(Image.fromarray(LEFT_RED), icc_profile=bytes(3_000_000))) == LEFT_RED).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(mode: str) -> None:
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    data = packed(image.quantize(4), transparency=0) if mode == "P" else packed(image.convert(mode))
    assert (decoded(data) == 255).all()


def test_of_an_animation_the_first_picture_counts() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    assert (decoded(packed(frames[0], "GIF", save_all=True, append_images=frames[1:])) == (255, 0, 0)).all()


def test_grey_of_16_bits_is_not_clipped() -> None:
    image = Image.fromarray(np.full((4, 4), 0x8000, np.uint16))
    assert (decoded(packed(image)) == 0x80).all()


def test_larger_pictures_are_made_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "KEPT_PIXELS", 12)
    assert decoded(packed(Image.fromarray(LEFT_RED))).shape == (3, 4, 3)
    assert decoded(packed(Image.new("RGB", (40, 1)))).shape == (1, 21, 3)


@pytest.mark.parametrize("size", [(51, 1), (1, 51), (102, 2)])
def test_long_and_narrow_pictures_are_refused(size: tuple[int, int]) -> None:
    assert "at most 50 times as long" in refusal(packed(Image.new("L", size)))


def test_a_picture_of_too_many_pixels_is_refused_by_its_header() -> None:
    data = bytearray(packed(Image.new("1", (8, 8))))
    header = Image.new("1", (MAX_PIXELS // 4000 + 1, 4000))
    whole = packed(header)
    assert f"1 to {MAX_PIXELS:,} pixels" in refusal(whole)
    assert "1 to" in refusal(whole[:60])  # what follows is not read
    assert data


@pytest.mark.parametrize(
    "data",
    [b"", b"no picture", b"GIF89a", packed(Image.fromarray(LEFT_RED))[:45], b"\x89PNG\r\n\x1a\n" + b"\0" * 100],
    ids=["empty", "text", "a beginning", "cut off", "damaged"],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    assert "expected a PNG, JPEG, WebP, BMP or GIF picture" in refusal(data)
