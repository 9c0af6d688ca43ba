"""Finished pictures as files, with the text of their parameters as metadata."""

from __future__ import annotations

import io
from typing import Any

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from shared.wire.pictures import PictureFormat

MAX_EXIF_BYTES = 60_000
"""A segment of a JPEG file has up to 65,533 bytes, and Exif data must fit into one."""

_ASCII, _UNICODE = b"ASCII\0\0\0", b"UNICODE\0"
"""The beginning of a comment in Exif data, which says how its text is encoded."""

_CUT = " ... "


def picture_file(image: Image.Image, format: PictureFormat = "png", compression: int = 100, text: str = "") -> bytes:
    """``image`` as a file that holds ``text``, in the way that front ends read.

    A PNG file has it in the chunk ``parameters`` (``tEXt`` for Latin-1, else ``iTXt``); a JPEG or WebP file in the
    comment of its Exif data, where the middle of a very long one is left out. ``compression`` is the quality of these
    two, 0 to 100.

    Source: https://github.com/AUTOMATIC1111/stable-diffusion-webui, ``modules/images.py``
    """
    buffer = io.BytesIO()
    image.save(buffer, format.upper(), **_options(format, compression, text))
    return buffer.getvalue()


def _options(format: PictureFormat, compression: int, text: str) -> dict[str, Any]:
    if format == "png":
        info = PngInfo()
        if text:
            info.add_text("parameters", text)
        return {"pnginfo": info}
    options: dict[str, Any] = {"quality": max(1, compression)}
    if text:
        exif = Image.Exif()
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = _comment(text)
        options["exif"] = exif
    return options


def _comment(text: str) -> bytes:
    width = 1 if text.isascii() else 2
    longest = MAX_EXIF_BYTES // width // 2  # of each half; characters beyond the basic plane take twice as much
    if not text.isascii():
        longest //= 2
    if len(text) > 2 * longest:
        text = text[:longest] + _CUT + text[-longest:]
    return _ASCII + text.encode() if width == 1 else _UNICODE + text.encode("utf-16-be")
