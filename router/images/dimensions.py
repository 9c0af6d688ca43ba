"""The width and height of a picture, from its first bytes. Only the worker decodes pictures."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator

from router.jobs.job import Blob

Dimensions = tuple[int, int]

_TURNED = range(5, 9)
"""Orientations of Exif data by which a picture is shown on its side."""

_ORIENTATION = 0x0112
_MAX_TAGS = 1000

_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_SCAN, _JPEG_EXIF = 0xDA, 0xE1
_JPEG_NO_SEGMENT = (0x00, 0xFF)
"""A zero and padding do not begin a segment."""


def picture_dimensions(blob: Blob) -> Dimensions | None:
    """Width and height of an upright PNG, JPEG, WebP, BMP or GIF picture; None if its header cannot be read.

    Formats: https://www.w3.org/TR/png-3/, https://www.w3.org/Graphics/JPEG/itu-t81.pdf,
    https://developers.google.com/speed/webp/docs/riff_container, https://www.w3.org/Graphics/GIF/spec-gif89a.txt
    """
    data = memoryview(blob)
    for beginning, read in _READERS:
        if bytes(data[: len(beginning)]) == beginning:
            try:
                width, height = read(data)
            except (struct.error, IndexError, ValueError):
                return None
            return (width, height) if width > 0 and height > 0 else None
    return None


def _png(data: memoryview) -> Dimensions:
    width, height = struct.unpack_from(">II", data, 16)
    for kind, content in _png_chunks(data):
        if kind == b"eXIf":
            return _upright(width, height, content)
        if kind == b"IDAT":
            break
    return width, height


def _png_chunks(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """The kind and the content of each chunk, without Exif data that are damaged: the worker ignores them, too."""
    position = 8
    while position + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind, end = bytes(data[position + 4 : position + 8]), position + 8 + length
        if kind != b"eXIf" or data[end : end + 4] == struct.pack(">I", zlib.crc32(data[position + 4 : end])):
            yield kind, data[position + 8 : end]
        position = end + 4


def _gif(data: memoryview) -> Dimensions:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _bmp(data: memoryview) -> Dimensions:
    (header_bytes,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if header_bytes == 12 else "<ii", data, 18)
    return width, abs(height)  # a negative height: the rows stand in the other order


def _jpeg(data: memoryview) -> Dimensions:
    exif = memoryview(b"")
    position = 2
    while (marker := data[position + 1]) != _JPEG_SCAN or data[position] != 0xFF:
        if data[position] != 0xFF or marker in _JPEG_NO_SEGMENT:  # decoders skip what is between segments, too
            position += 1
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        content = data[position + 4 : position + 2 + length]
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", content, 1)
            return _upright(width, height, exif)
        if marker == _JPEG_EXIF and bytes(content[:6]) == b"Exif\0\0" and not exif:
            exif = content[6:]
        position += 2 + length
    raise ValueError("no frame header")


def _webp(data: memoryview) -> Dimensions:
    if bytes(data[8:12]) != b"WEBP":
        raise ValueError("another RIFF file")
    kind = bytes(data[12:16])
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind != b"VP8X":
        raise ValueError("another first chunk")
    width, height = (int.from_bytes(data[begin : begin + 3], "little") + 1 for begin in (24, 27))
    position = 12
    while position + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, position + 4)
        if bytes(data[position : position + 4]) == b"EXIF":
            return _upright(width, height, data[position + 8 : position + 8 + length])
        position += 8 + length + length % 2
    return width, height


def _upright(width: int, height: int, exif: memoryview) -> Dimensions:
    try:
        return (height, width) if _orientation(exif) in _TURNED else (width, height)
    except struct.error:  # damaged metadata are ignored
        return width, height


def _orientation(exif: memoryview) -> int:
    """The orientation in Exif data, which are a TIFF file; 0 if it is not there."""
    exif = exif[6:] if bytes(exif[:6]) == b"Exif\0\0" else exif
    order = {b"II": "<", b"MM": ">"}.get(bytes(exif[:2]))
    if order is None:
        return 0
    (position,) = struct.unpack_from(order + "I", exif, 4)
    (count,) = struct.unpack_from(order + "H", exif, position)
    for index in range(min(count, _MAX_TAGS)):
        tag, _, _, value = struct.unpack_from(order + "HHIH", exif, position + 2 + 12 * index)
        if tag == _ORIENTATION:
            return int(value)
    return 0


_READERS: tuple[tuple[bytes, Callable[[memoryview], Dimensions]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"RIFF", _webp),
    (b"GIF8", _gif),
    (b"BM", _bmp),
)
