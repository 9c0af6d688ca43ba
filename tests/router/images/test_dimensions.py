"""The size of a picture from its header, compared with Pillow's."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from PIL import Image, ImageOps

from router.images.dimensions import picture_dimensions

ORIENTATION = 0x0112


def file_of(format: str, size: tuple[int, int] = (90, 70), mode: str = "RGB", **options: Any) -> bytes:
    target = io.BytesIO()
    Image.effect_noise(size, 60).convert(mode).save(target, format, **options)
    return target.getvalue()


def exif(orientation: int, endian: str = "<") -> Image.Exif:
    made = Image.Exif()
    made.endian = endian
    made[0x010F] = "a camera"
    made[ORIENTATION] = orientation
    return made


@pytest.mark.parametrize(
    "data",
    [
        file_of("PNG"),
        file_of("PNG", (1, 3000)),
        file_of("JPEG"),
        file_of("JPEG", progressive=True, icc_profile=bytes(100_000)),
        file_of("WEBP"),
        file_of("WEBP", lossless=True),
        file_of("WEBP", mode="RGBA"),
        file_of("WEBP", lossless=True, icc_profile=bytes(99)),
        file_of("GIF", (300, 2)),
        file_of("BMP"),
        *(file_of(format, exif=exif(turn)) for format in ("JPEG", "PNG", "WEBP") for turn in range(10)),
        *(file_of(format, exif=exif(6, ">")) for format in ("JPEG", "PNG", "WEBP")),
    ],
)
def test_the_dimensions_are_those_of_the_upright_picture(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as image:
        expected = ImageOps.exif_transpose(image).size
    assert picture_dimensions(data) == expected
    assert picture_dimensions(memoryview(data)) == expected


def test_a_bitmap_with_its_rows_from_the_top_has_a_height() -> None:
    data = bytearray(file_of("BMP"))
    data[22:26] = struct.pack("<i", -70)
    assert picture_dimensions(bytes(data)) == (90, 70)


@pytest.mark.parametrize("tiff", [b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"junk....", b"II"])
def test_damaged_metadata_are_ignored(tiff: bytes) -> None:
    data = file_of("JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff
    assert picture_dimensions(data[:2] + segment + data[2:]) == (90, 70)


def test_exif_data_with_a_wrong_checksum_do_not_turn_a_png() -> None:
    data = bytearray(file_of("PNG", exif=exif(6)))
    assert picture_dimensions(bytes(data)) == (70, 90)
    begin = data.index(b"eXIf")
    checksum = begin + 4 + int.from_bytes(data[begin - 4 : begin], "big")
    data[checksum] ^= 1
    assert picture_dimensions(bytes(data)) == (90, 70)


@pytest.mark.parametrize("junk", [b"j", b"junk", b"\xff", b"\xff\xff", b"\xff\0"])
def test_bytes_between_the_segments_of_a_jpeg_are_skipped(junk: bytes) -> None:
    data = file_of("JPEG")
    place = data.index(b"\xff\xdb")  # before the first quantization table
    given = data[:place] + junk + data[place:]
    assert Image.open(io.BytesIO(given)).size == (90, 70)
    assert picture_dimensions(given) == (90, 70)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_a_cut_file_never_raises(format: str) -> None:
    data = file_of(format, (9, 7))
    for size in range(min(len(data), 700)):
        assert picture_dimensions(data[:size]) in (None, (9, 7))


@pytest.mark.parametrize("data", [b"", b"hello", b"<svg/>", b"RIFF....WAVE", b"BM", b"\xff\xd8\xff\xd8\xff"])
def test_what_is_no_picture_has_no_dimensions(data: bytes) -> None:
    assert picture_dimensions(data) is None
