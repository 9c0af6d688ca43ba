"""Reads input pictures: paths in the media folder, data URLs, plain base64, and URLs of allowed hosts.

Recordings come as base64 or data URLs only. Only the worker decodes files. Here the first bytes of pictures only serve
to distinguish base64 from a path.
"""

from __future__ import annotations

import binascii
import re

from router.images.fetching import fetch_image
from router.images.media_folder import read_media_file
from router.schemas.errors import ApiError
from router.schemas.shown import shown
from router.threads import Lane
from shared.settings import ServerSettings

MAX_PATH_CHARS = 4096
MIN_BASE64_CHARS = 32
_MEDIA_FOLDER = Lane("media folder", threads=4, timeout_s=10.0)
_DECODING = Lane("decoding of pictures", threads=2, max_waiting=1024, timeout_s=60.0)
_CHUNK_CHARS = 1024 * 1024  # a multiple of 4; between chunks, other threads can run

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://|(file|ftps?|https?|blob):", re.IGNORECASE)
_DATA_URL = re.compile(r"data:(?P<type>[^;,]{0,100})(?P<parameters>(;[^;,]{0,100}){0,10}),", re.IGNORECASE)


async def read_image(given: str, field: str, settings: ServerSettings) -> bytes:
    """Read the picture that ``given``, the value of ``field``, refers to or contains.

    Raises:
        ApiError: 400, ``given`` is invalid or cannot be read; 413, the picture is larger than ``max_upload_bytes``;
            415, it is empty, or a data URL of another type; 503, the disk does not answer.
    """
    text = given.strip()
    if _URL.match(text):
        data = await _fetched(text, field, settings)
    else:
        lane = _DECODING if len(text) > MAX_PATH_CHARS or text[:5].lower() == "data:" else _MEDIA_FOLDER
        try:
            data = await lane.run(_read, text, field, settings)
        except TimeoutError as error:
            raise ApiError(503, f"{field}: {error}; try again later", field) from None
    return _checked(data, text, "a picture", field, settings)


async def read_inline(given: str, kind: str, field: str, settings: ServerSettings) -> bytes:
    """Decode ``given``, the value of ``field``: base64, or a data URL of a type that begins with ``kind``.

    Raises:
        ApiError: 400, it is neither; 413, the file is larger than ``max_upload_bytes``; 415, it is empty, or a data URL
            of another type; 503, too many wait already.
    """
    text = given.strip()
    try:
        if text[:5].lower() == "data:":
            data = await _DECODING.run(_from_data_url, text, field, kind)
        else:
            data = await _DECODING.run(_from_base64, text, field)
    except TimeoutError as error:
        raise ApiError(503, f"{field}: {error}; try again later", field) from None
    return _checked(data, text, "a file", field, settings)


def _checked(data: bytes, text: str, what: str, field: str, settings: ServerSettings) -> bytes:
    if len(data) > settings.max_upload_bytes:
        raise ApiError(413, f"{field}: expected at most {settings.max_upload_bytes} bytes, got {len(data)}", field)
    if not data:
        raise ApiError(415, f"{field}: expected {what}, got no data from {shown(text)}", field)
    return data


async def _fetched(url: str, field: str, settings: ServerSettings) -> bytes:
    scheme = url.partition(":")[0].lower()
    if scheme not in ("http", "https"):
        raise ApiError(
            400,
            f"{field}: expected an http or https URL, a data URL, base64 or a path in the server's media folder, "
            f"got the scheme {shown(scheme)}",
            field,
        )
    return await fetch_image(url, field, settings.image_hosts, settings.max_upload_bytes)


def _read(text: str, field: str, settings: ServerSettings) -> bytes:
    if text[:5].lower() == "data:":
        return _from_data_url(text, field, "image")
    if _is_base64_picture(text) or len(text) > MAX_PATH_CHARS:
        return _from_base64(text, field, f", or a path of at most {MAX_PATH_CHARS} characters")
    return read_media_file(settings.media_folder, text, field, settings.max_upload_bytes)


def _from_data_url(text: str, field: str, kind: str) -> bytes:
    """Decode a data URL (RFC 2397) of a type that begins with ``kind``; only base64 ones are supported."""
    head = _DATA_URL.match(text)
    if head is None or not head["parameters"].lower().endswith(";base64"):
        example = {"audio": "data:audio/wav"}.get(kind, "data:image/png")
        raise ApiError(400, f"{field}: expected a data URL like {example};base64,..., got {shown(text)}", field)
    if not head["type"].strip().lower().startswith(f"{kind}/"):
        raise ApiError(415, f"{field}: expected a data URL of an {kind} type, got {shown(head['type'])}", field)
    return _from_base64(text[head.end() :], field)


def _is_base64_picture(text: str) -> bool:
    """Whether ``text`` must be base64, not a path: it is long, and decodes to the first bytes of a picture format."""
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


def _from_base64(text: str, field: str, otherwise: str = "") -> bytes:
    """Decode base64; ``otherwise`` is what else the field may be, for the error."""
    text = "".join(text.split())
    padding = text.find("=")
    try:
        if 0 <= padding < len(text) - 2:
            raise binascii.Error(f"padding at character {padding}")
        chunks = [text[start : start + _CHUNK_CHARS] for start in range(0, len(text), _CHUNK_CHARS)]
        return b"".join(binascii.a2b_base64(chunk, strict_mode=True) for chunk in chunks)
    except ValueError as error:
        raise ApiError(
            400,
            f"{field}: expected base64 with its padding{otherwise}, got {shown(text)} ({error})",
            field,
        ) from None
