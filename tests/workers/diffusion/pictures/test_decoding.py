"""Input pictures and masks: valid, damaged and hostile."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from shared.wire.payloads import JobError
from tests.support.workers.diffusion_jobs import png_of
from workers.diffusion.pictures.decoding import decode, input_picture, mask_picture


def read(data: bytes, size: tuple[int, int] = (8, 8)) -> Image.Image:
    return input_picture(decode(memoryview(data), "image"), size)


def read_mask(data: bytes, size: tuple[int, int]) -> Image.Image:
    return mask_picture(decode(memoryview(data), "mask"), size)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header declares many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_the_accepted_formats_are_read(format: str) -> None:
    picture = read(png_of(Image.new("RGB", (8, 8), (255, 0, 0)), format))
    red, green, blue = np.asarray(picture)[4, 4].tolist()
    assert red > 240
    assert max(green, blue) < 15


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", png_of(Image.new("RGB", (8, 8)), "TIFF")],
    ids=["empty", "text", "svg", "tiff"],
)
def test_a_file_of_another_format_is_refused(data: bytes) -> None:
    with pytest.raises(JobError, match="expected a PNG, JPEG, WebP, BMP or GIF picture") as refused:
        read(data)
    assert (refused.value.failed.status, refused.value.failed.param) == (415, "image")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_a_truncated_picture_is_refused(format: str) -> None:
    data = png_of(Image.effect_noise((64, 64), 80).convert("RGB"), format)
    with pytest.raises(JobError) as refused:
        read(data[: len(data) // 2])
    assert refused.value.failed.status == 415


@pytest.mark.parametrize("side", [9_000, 60_000])
def test_a_picture_with_too_many_pixels_is_refused_by_its_header(side: int) -> None:
    with pytest.raises(JobError, match="expected up to 67,108,864 pixels") as refused:
        read(bomb(side, side))
    assert refused.value.failed.status == 413


def test_a_picture_is_turned_upright() -> None:
    image = Image.new("RGB", (16, 8), "black")
    image.paste("white", (0, 0, 8, 8))
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: rotate by 90 degrees
    turned = read(png_of(image, exif=exif), (8, 16))
    assert turned.getpixel((4, 2)) == (255, 255, 255)
    assert turned.getpixel((4, 13)) == (0, 0, 0)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_becomes_white(mode: str) -> None:
    assert read(png_of(Image.new(mode, (8, 8)))).getpixel((4, 4)) == (255, 255, 255)


def test_a_picture_is_scaled_to_cover_the_size_and_cropped_to_its_centre() -> None:
    image = Image.new("RGB", (48, 16), "black")
    image.paste("white", (16, 0, 32, 16))
    assert np.asarray(read(png_of(image))).min() > 200


def test_a_picture_of_16_bits_is_scaled() -> None:
    image = Image.new("I;16", (8, 8), 257 * 100)
    assert read(png_of(image)).getpixel((4, 4)) == (100, 100, 100)


def test_a_mask_with_transparency_is_white_where_it_is_fully_transparent() -> None:
    mask = Image.new("RGBA", (24, 8), "white")
    mask.paste((0, 0, 0, 0), (0, 0, 8, 8))
    mask.paste((255, 255, 255, 128), (8, 0, 16, 8))
    found = read_mask(png_of(mask), (24, 8))
    assert [found.getpixel((x, 4)) for x in (4, 12, 20)] == [255, 0, 0]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
def test_a_mask_without_transparency_is_white_where_it_is_white(mode: str) -> None:
    mask = Image.new("RGB", (16, 8), "black")
    mask.paste("white", (0, 0, 8, 8))
    found = read_mask(png_of(mask.convert(mode)), (16, 8))
    assert [found.getpixel((x, 4)) for x in (4, 12)] == [255, 0]


def test_a_bad_mask_is_named() -> None:
    with pytest.raises(JobError) as refused:
        read_mask(b"hello", (8, 8))
    assert refused.value.failed.param == "mask"
