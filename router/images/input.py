"""Where an input picture comes from: the media folder, a data URL, plain base64, or a host that the operator allows.

The bytes are not looked into beyond what tells base64 from a path; the worker decodes them.
"""

from __future__ import annotations

import asyncio
import binascii
import re

from router.images.fetching import fetch_image
from router.images.media_folder import read_media_file
from router.schemas.errors import ApiError
from router.schemas.shown import shown
from shared.settings import ServerSettings

MAX_PATH_CHARS = 4096
MIN_BASE64_CHARS = 32
_PIECE_CHARS = 1024 * 1024  # a multiple of 4: base64 is decoded in pieces, so that other threads get their turns

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://|(file|ftps?|https?|blob):", re.IGNORECASE)
_DATA_URL = re.compile(r"data:(?P<type>[^;,]{0,100})(?P<parameters>(;[^;,]{0,100}){0,10}),", re.IGNORECASE)


async def read_image(given: str, field: str, settings: ServerSettings) -> bytes:
    """The file that ``given``, the value of ``field``, stands for.

    Raises:
        ApiError: 400, it stands for nothing that is accepted; 413, the file is larger than ``max_upload_bytes``; 415,
            it is a data URL of something else, or an empty file.
    """
    text = given.strip()
    if _URL.match(text):
        data = await _fetched(text, field, settings)
    else:
        data = await asyncio.to_thread(_read, text, field, settings)
    if len(data) > settings.max_upload_bytes:
        raise ApiError(413, f"{field}: it has {len(data)} bytes; accepted are up to {settings.max_upload_bytes}", field)
    if not data:
        raise ApiError(415, f"{field}: {shown(text)} is an empty file; accepted are pictures", field)
    return data


async def _fetched(url: str, field: str, settings: ServerSettings) -> bytes:
    scheme = url.partition(":")[0].lower()
    if scheme not in ("http", "https"):
        raise ApiError(
            400,
            f"{field}: URLs with {shown(scheme)} are not fetched; accepted are a path in the server's media folder, a "
            "data URL, base64, and an http or https URL of a host that the operator allows",
            field,
        )
    return await fetch_image(url, field, settings.image_hosts, settings.max_upload_bytes)


def _read(text: str, field: str, settings: ServerSettings) -> bytes:
    if text[:5].lower() == "data:":
        return _from_data_url(text, field)
    if _is_base64_picture(text) or len(text) > MAX_PATH_CHARS:
        return _from_base64(text, field)
    return read_media_file(settings.media_folder, text, field, settings.max_upload_bytes)


def _from_data_url(text: str, field: str) -> bytes:
    """RFC 2397, of which only base64 is accepted."""
    head = _DATA_URL.match(text)
    if head is None or not head["parameters"].lower().endswith(";base64"):
        raise ApiError(400, f"{field}: {shown(text)}; accepted are data URLs like data:image/png;base64,...", field)
    if not head["type"].strip().lower().startswith("image/"):
        raise ApiError(
            415, f"{field}: a data URL of type {shown(head['type'])}; accepted is image/ and a picture's format", field
        )
    return _from_base64(text[head.end() :], field)


def _is_base64_picture(text: str) -> bool:
    """Whether ``text`` can be nothing but a picture in base64: longer than most names, and it begins as pictures do."""
    beginning = "".join(text[: 2 * MIN_BASE64_CHARS].split())[:MIN_BASE64_CHARS]
    if len(beginning) < MIN_BASE64_CHARS:
        return False
    try:
        head = binascii.a2b_base64(beginning, strict_mode=True)
    except ValueError:
        return False
    return (
        head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a"))
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[:2] == b"BM" and head[6:10] == bytes(4))
    )


def _from_base64(text: str, field: str) -> bytes:
    text = "".join(text.split())
    padding = text.find("=")
    try:
        if 0 <= padding < len(text) - 2:
            raise binascii.Error(f"padding at character {padding}")
        pieces = [text[start : start + _PIECE_CHARS] for start in range(0, len(text), _PIECE_CHARS)]
        return b"".join(binascii.a2b_base64(piece, strict_mode=True) for piece in pieces)
    except ValueError as error:
        raise ApiError(
            400,
            f"{field}: {shown(text)} is no valid base64 ({error}); accepted are base64 with its padding, and paths "
            f"of up to {MAX_PATH_CHARS} characters",
            field,
        ) from None
