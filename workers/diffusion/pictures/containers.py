"""The picture of a file without its metadata.

What is damaged in a file is often not its picture but a text, a colour profile or Exif data beside it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

EXIF_HEAD = b"Exif\0\0"

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
_PNG_COLOUR_TYPE = 17
"""The place of the colour type in the chunk ``IHDR``."""

_PNG_TRANSPARENCY = {0: 2, 2: 6}
"""The length of the chunk ``tRNS`` by colour type, for grey and for colour."""

_WEBP_KEPT = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"))
_WEBP_METADATA_FLAGS = 0x20 | 0x08 | 0x04
"""The flags of a ``VP8X`` chunk that announce a colour profile, Exif data and XMP."""

_JPEG_START = b"\xff\xd8"
_JPEG_SCAN = 0xDA
_JPEG_APPS = range(0xE0, 0xF0)
_JPEG_COMMENT = 0xFE
_JPEG_EXIF = 0xE1
_JPEG_KEPT = {0xE0: (b"JFIF\0", 14), 0xEE: (b"Adobe", 12)}
"""Application segments that say how the colours are stored: how their content begins, and its least length."""


@dataclass(frozen=True, slots=True)
class BarePicture:
    """A picture file without metadata, and the Exif data it had (empty without any)."""

    file: bytes
    exif: bytes = b""


def bare_picture(data: bytes) -> BarePicture | None:
    """The picture in ``data`` without its metadata; None unless it is PNG, JPEG or WebP.

    Damaged parts of the picture itself are kept: they are for its decoder to judge.

    Formats: https://www.w3.org/TR/png-3/, https://www.w3.org/Graphics/JPEG/itu-t81.pdf,
    https://developers.google.com/speed/webp/docs/riff_container
    """
    if data.startswith(_PNG):
        return _bare_png(data)
    if data.startswith(_JPEG_START):
        return _bare_jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _bare_webp(data)
    return None


def _bare_png(data: bytes) -> BarePicture:
    kept, exif = [_PNG], b""
    position = len(_PNG)
    while position + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind, end = data[position + 4 : position + 8], position + 12 + length
        chunk = data[position:end]
        is_ancillary = bool(kind[0] & 0x20)
        is_whole = end <= len(data) and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")
        if kind == b"eXIf" and is_whole:
            exif = chunk[8:-4]
        elif kind in _PNG_KEPT and ((is_whole and length >= _least_transparency(kept)) or not is_ancillary):
            kept.append(chunk)
        position = end
        if kind == b"IEND":
            break
    return BarePicture(b"".join(kept), exif)


def _least_transparency(kept: list[bytes]) -> int:
    """The least length of the chunk ``tRNS``, by the colour type in the header, the first of the ``kept`` chunks."""
    header = kept[1] if len(kept) > 1 else b""
    return _PNG_TRANSPARENCY.get(header[_PNG_COLOUR_TYPE], 1) if len(header) > _PNG_COLOUR_TYPE else 1


def _bare_jpeg(data: bytes) -> BarePicture:
    kept, exif = [_JPEG_START], b""
    for marker, begin, end in _jpeg_segments(data):
        content = data[begin + 4 : end]
        if marker == _JPEG_EXIF and content.startswith(EXIF_HEAD):
            exif = exif or content[len(EXIF_HEAD) :]
        elif _says_how_colours_are_stored(marker, content) or not (marker in _JPEG_APPS or marker == _JPEG_COMMENT):
            kept.append(data[begin:end])
    return BarePicture(b"".join(kept), exif)


def _says_how_colours_are_stored(marker: int, content: bytes) -> bool:
    beginning, size = _JPEG_KEPT.get(marker, (b"", 0))
    return len(content) >= size > 0 and content.startswith(beginning)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, begin and end of each segment; the last one holds all that follows the first scan's header."""
    position = len(_JPEG_START)
    while position + 4 <= len(data):
        marker, (length,) = data[position + 1], struct.unpack_from(">H", data, position + 2)
        if data[position] != 0xFF or marker == _JPEG_SCAN:
            yield _JPEG_SCAN, position, len(data)
            return
        if marker == 0xFF:  # a byte of padding
            position += 1
            continue
        end = position + 2 + max(length, 2)
        yield marker, position, min(end, len(data))
        position = end


def _bare_webp(data: bytes) -> BarePicture:
    kept, exif = [], b""
    position = 12
    while position + 8 <= len(data):
        kind, (length,) = data[position : position + 4], struct.unpack_from("<I", data, position + 4)
        end = position + 8 + length + length % 2
        chunk = data[position:end]
        if kind == b"EXIF":
            exif = chunk[8 : 8 + length].removeprefix(EXIF_HEAD)
        elif kind == b"VP8X" and length:
            kept.append(chunk[:8] + bytes([chunk[8] & ~_WEBP_METADATA_FLAGS]) + chunk[9:])
        elif kind in _WEBP_KEPT:
            kept.append(chunk)
        position = end
    body = b"WEBP" + b"".join(kept)
    return BarePicture(b"RIFF" + struct.pack("<I", len(body)) + body, exif)
