"""Metadata do not decide whether a picture can be read."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from shared.wire.payloads import JobError
from tests.support.workers.diffusion_jobs import png_of
from workers.diffusion.pictures.decoding import decode, mask_picture

ORIENTATION = 0x0112
TURN_LEFT = 6
JUNK = bytes(range(255, 0, -1))


def halves() -> Image.Image:
    """16 x 8 pixels: white on the left, black on the right."""
    image = Image.new("RGB", (16, 8), "black")
    image.paste("white", (0, 0, 8, 8))
    return image


def exif(orientation: int = TURN_LEFT) -> Image.Exif:
    made = Image.Exif()
    made[ORIENTATION] = orientation
    return made


def tiff() -> bytes:
    """The Exif data as they stand in PNG and WebP files."""
    return exif().tobytes().removeprefix(b"Exif\0\0")


def chunk(kind: bytes, data: bytes, crc: int | None = None) -> bytes:
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def png_with(*chunks: bytes, before: bytes = b"IDAT", image: Image.Image | None = None) -> bytes:
    data = png_of(image or halves())
    place = data.index(before) - 4
    return data[:place] + b"".join(chunks) + data[place:]


def jpeg_with(*segments: tuple[int, bytes]) -> bytes:
    data = png_of(halves(), "JPEG", quality=95)
    inserted = b"".join(b"\xff" + bytes([marker]) + struct.pack(">H", len(b) + 2) + b for marker, b in segments)
    return data[:2] + inserted + data[2:]


def webp_with(*chunks: tuple[bytes, bytes], flags: int, junk_size: int = 0) -> bytes:
    picture = png_of(halves(), "WEBP", lossless=True)[12:]
    head = bytes([flags, 0, 0, 0]) + (15).to_bytes(3, "little") + (7).to_bytes(3, "little")
    body = b"WEBP" + riff(b"VP8X", head)
    body += b"".join(riff(*each) for each in chunks if each[0] == b"ICCP") + picture
    body += b"".join(riff(*each) for each in chunks if each[0] != b"ICCP")
    return b"RIFF" + struct.pack("<I", len(body) + junk_size) + body


def riff(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def is_halves(image: Image.Image) -> bool:
    grey = np.asarray(image.convert("L"))
    return grey.shape == (8, 16) and bool(grey[4, 3] > 240 and grey[4, 12] < 15)


def is_turned(image: Image.Image) -> bool:
    grey = np.asarray(image.convert("L"))
    return grey.shape == (16, 8) and bool(grey[3, 4] > 240 and grey[12, 4] < 15)


LONG_TEXT = zlib.compress(bytes(80 << 20), 9)
BAD_METADATA = {
    "png-zTXt": png_with(chunk(b"zTXt", b"Comment\0\0" + LONG_TEXT)),
    "png-iTXt": png_with(chunk(b"iTXt", b"Comment\0\1\0\0\0" + LONG_TEXT)),
    "png-text-after-the-picture": png_with(chunk(b"zTXt", b"Comment\0\0" + LONG_TEXT), before=b"IEND"),
    "png-junk-zTXt": png_with(chunk(b"zTXt", b"Comment\0\7" + JUNK)),
    "png-empty-text": png_with(chunk(b"tEXt", b""), chunk(b"iTXt", b""), chunk(b"zTXt", b"")),
    "png-junk-eXIf": png_with(chunk(b"eXIf", JUNK)),
    "png-short-eXIf": png_with(chunk(b"eXIf", tiff()[:13])),
    "png-bad-crc": png_with(chunk(b"tEXt", b"Comment\0hello", crc=7)),
    "png-bad-crc-after-the-picture": png_with(chunk(b"tIME", bytes(7), crc=7), before=b"IEND"),
    "png-junk-iCCP": png_with(chunk(b"iCCP", b"name\0\0" + JUNK), before=b"IDAT"),
    "png-profile-bomb": png_with(chunk(b"iCCP", b"name\0\0" + LONG_TEXT), before=b"IDAT"),
    "png-short-gAMA": png_with(chunk(b"gAMA", b"\1"), chunk(b"pHYs", b"\1"), chunk(b"cHRM", b"\1")),
    "png-bad-tRNS": png_with(chunk(b"tRNS", b"\1", crc=7)),
    "png-empty-tRNS": png_with(chunk(b"tRNS", b"")),
    "png-short-tRNS": png_with(chunk(b"tRNS", b"\0\0\0")),
    "png-bytes-at-the-end": png_of(halves()) + JUNK,
    "jpeg-junk-exif": jpeg_with((0xE1, b"Exif\0\0" + JUNK)),
    "jpeg-short-exif": jpeg_with((0xE1, b"Exif\0\0" + tiff()[:13])),
    "jpeg-junk-profile": jpeg_with((0xE2, b"ICC_PROFILE\0\1\2" + JUNK)),
    "jpeg-junk-multi-picture": jpeg_with((0xE2, b"MPF\0" + JUNK)),
    "jpeg-junk-photoshop": jpeg_with((0xED, b"Photoshop 3.0\0" + b"8BIM\x03\xed\xff\xff\xff\xff" + JUNK)),
    "jpeg-short-jfif": jpeg_with((0xE0, b"JFIF\0")),
    "jpeg-huge-segments": jpeg_with(*[(0xE2, bytes(65_000))] * 40, (0xFE, bytes(65_000))),
    "jpeg-bytes-at-the-end": jpeg_with() + JUNK,
    "webp-junk-exif": webp_with((b"EXIF", JUNK), flags=0x08),
    "webp-junk-xmp": webp_with((b"XMP ", JUNK), flags=0x04),
    "webp-junk-profile": webp_with((b"ICCP", JUNK), flags=0x20),
    "webp-unknown-chunk": webp_with((b"junk", JUNK), flags=0),
    "webp-promised-metadata": webp_with(flags=0x2C),
    "webp-wrong-size": webp_with(flags=0, junk_size=500),
    "webp-bytes-at-the-end": webp_with(flags=0) + JUNK,
    "gif-bytes-at-the-end": png_of(halves(), "GIF") + JUNK,
    "gif-without-its-end": png_of(halves(), "GIF")[:-1],
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("data", BAD_METADATA.values(), ids=BAD_METADATA.keys())
def test_a_picture_with_bad_metadata_is_read(data: bytes) -> None:
    assert is_halves(decode(memoryview(data), "image"))
    mask = mask_picture(decode(memoryview(data), "mask"), (16, 8))
    assert [mask.getpixel((x, 4)) for x in (3, 12)] == [255, 0]


@pytest.mark.parametrize(
    "data",
    [
        png_with(chunk(b"zTXt", b"Comment\0\0" + LONG_TEXT), chunk(b"eXIf", tiff())),
        png_with(chunk(b"eXIf", tiff()), chunk(b"tEXt", b"a\0b", crc=7)),
        png_of(halves(), "PNG", exif=exif()),
        png_of(halves(), "JPEG", exif=exif(), quality=95),
        jpeg_with((0xE1, b"Exif\0\0" + tiff()), (0xED, b"Photoshop 3.0\0" + b"8BIM\x03\xed\xff\xff\xff\xff" + JUNK)),
        webp_with((b"EXIF", tiff()), flags=0x08),
        webp_with((b"EXIF", tiff()), (b"ICCP", JUNK), flags=0x28, junk_size=500),
    ],
    ids=["png-text", "png-crc", "png", "jpeg", "jpeg-photoshop", "webp", "webp-size"],
)
def test_an_orientation_that_can_be_read_is_applied_whatever_else_is_broken(data: bytes) -> None:
    assert is_turned(decode(memoryview(data), "image"))


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_an_unknown_orientation_is_ignored(orientation: int) -> None:
    assert is_halves(decode(memoryview(png_of(halves(), exif=exif(orientation))), "image"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(orientation: int) -> None:
    image = Image.effect_noise((12, 8), 90).convert("RGB")
    data = png_of(image, exif=exif(orientation))
    with Image.open(io.BytesIO(data)) as stored:
        expected = {1: stored, 2: stored.transpose(Image.Transpose.FLIP_LEFT_RIGHT)}
        corner = stored.getpixel((0, 0))
    found = decode(memoryview(data), "image")
    assert found.size == ((12, 8) if orientation < 5 else (8, 12))
    corners = {1: (0, 0), 2: (11, 0), 3: (11, 7), 4: (0, 7), 5: (0, 0), 6: (7, 0), 7: (7, 11), 8: (0, 11)}
    assert found.getpixel(corners[orientation]) == corner
    if orientation in expected:
        assert found.tobytes() == expected[orientation].tobytes()


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT"])
def test_a_damaged_part_of_the_picture_itself_is_refused(kind: bytes) -> None:
    data = bytearray(png_with(chunk(b"zTXt", b"Comment\0\0" + LONG_TEXT)))
    data[data.index(kind) + 6] ^= 0x55
    with pytest.raises(JobError, match="image: expected a PNG, JPEG, WebP, BMP or GIF picture, got") as refused:
        decode(memoryview(data), "image")
    assert refused.value.failed.status == 415


def test_a_bomb_behind_bad_metadata_is_refused_by_its_header() -> None:
    data = bytearray(png_with(chunk(b"tEXt", b"a\0b", crc=7)))
    begin = data.index(b"IHDR")
    data[begin + 4 : begin + 12] = struct.pack(">II", 60_000, 60_000)
    data[begin + 17 : begin + 21] = struct.pack(">I", zlib.crc32(data[begin : begin + 17]))
    with pytest.raises(JobError) as refused:
        decode(memoryview(data), "image")
    assert refused.value.failed.status == 413


def test_other_kinds_of_picture_keep_their_colours() -> None:
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    text = PngInfo()
    text.add_itxt("parameters", "ein Haus 🏠", zip=True)
    palette = red.quantize(4)
    files = [
        png_of(red, icc_profile=profile, pnginfo=text),
        png_of(red.convert("CMYK"), "JPEG", quality=95),
        png_of(red.convert("YCbCr"), "JPEG", quality=95, icc_profile=profile),
        png_of(palette, transparency=bytes([255] * 4)),
        png_of(red, "PNG", save_all=True, append_images=[Image.new("RGB", (8, 8), "blue")]),
        png_of(red, "WEBP", save_all=True, append_images=[Image.new("RGB", (8, 8), "blue")]),
        png_of(red, "GIF", save_all=True, append_images=[Image.new("RGB", (8, 8), "blue")]),
    ]
    for data in files:
        colour = decode(memoryview(data), "image").convert("RGBA").getpixel((4, 4))
        assert isinstance(colour, tuple)
        assert colour[0] > 235
        assert max(colour[1:3]) < 25
