"""Pictures of a chat: untrusted files in, upright pixels out."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from shared.wire.chat_media import MAX_PIXELS, MAX_RATIO
from shared.wire.payloads import JobError

if TYPE_CHECKING:  # Pillow comes with an extra
    from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
EXPECTED = "expected a PNG, JPEG, WebP, BMP or GIF picture"

MAX_METADATA_BYTES = 16 * 1000 * 1000
"""Of one profile of colours or text in a PNG. Those of screens may have a few megabytes."""

KEPT_PIXELS = 8 * 1000 * 1000
"""Larger pictures are made smaller: models see less than that."""

_JPEG, _METADATA, _SCAN = b"\xff\xd8", b"\xe1", b"\xda"

INVALID = "invalid_media"


def decode_picture(data: bytes, field: str) -> tuple[int, int, bytes]:
    """The picture in a file: its width, its height, and the bytes of its pixels (red, green, blue), row by row.

    It is turned upright by its metadata, on white where it is transparent, and the first one of an animation.

    Raises:
        JobError: 400, the bytes are not a picture or are damaged, or it has too many pixels, or is too long and narrow.
            ``field`` is the name of the picture in it.
    """
    from PIL import Image, PngImagePlugin, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # the header is checked below
    PngImagePlugin.MAX_TEXT_CHUNK = MAX_METADATA_BYTES
    try:
        upright = _decoded(data, field)
    except (JobError, MemoryError):
        raise
    except UnidentifiedImageError:
        message = f"{field}: {EXPECTED}, got {len(data)} bytes of something else"
        raise JobError(400, message, field, INVALID) from None
    except Exception as error:  # Pillow's decoders raise exceptions of many types on damaged data
        raise JobError(400, f"{field}: {EXPECTED}, got a damaged one ({error})", field, INVALID) from None
    if upright.mode == "RGBA":
        upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright).convert("RGB")
    return upright.width, upright.height, upright.tobytes()


def _decoded(data: bytes, field: str) -> Image.Image:
    try:
        return _opened(data, field)
    except (JobError, MemoryError):
        raise
    except Exception:
        if not data.startswith(_JPEG):
            raise
        return _opened(_without_metadata(data), field)  # perhaps only these are damaged


def _opened(data: bytes, field: str) -> Image.Image:
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        _check_size(*image.size, field)
        _draft(image)
        image.load()
        return _upright(_small(_eight_bits(image)), image)


def _without_metadata(data: bytes) -> bytes:
    """A JPEG without the segments that have Exif data."""
    kept, at = [data[:2]], 2
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] not in (b"", _SCAN):
        end = at + 2 + max(int.from_bytes(data[at + 2 : at + 4]), 2)
        kept += [data[at:end]] if data[at + 1 : at + 2] != _METADATA else []
        at = end
    return b"".join([*kept, data[at:]])


def _check_size(width: int, height: int, field: str) -> None:
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        expected = f"a picture of 1 to {MAX_PIXELS:,} pixels"
    elif max(width, height) > MAX_RATIO * min(width, height):
        expected = f"a picture with one side at most {MAX_RATIO} times as long as the other"
    else:
        return
    raise JobError(400, f"{field}: expected {expected}, got {width} x {height}", field, INVALID)


def _scale(width: int, height: int) -> float:
    """What makes both sides small enough; 1 for those that are."""
    return min(1.0, math.sqrt(KEPT_PIXELS / (width * height)))


def _draft(image: Image.Image) -> None:
    """Let a JPEG be decoded to no more pixels than are kept, which is quicker."""
    scale = _scale(*image.size)
    if scale < 1.0 and image.format == "JPEG":
        image.draft("RGB", (int(image.width * scale), int(image.height * scale)))


def _small(image: Image.Image) -> Image.Image:
    from PIL import Image as Pillow

    scale = _scale(*image.size)
    if scale == 1.0:
        return image
    size = max(1, int(image.width * scale)), max(1, int(image.height * scale))
    return image.resize(size, Pillow.Resampling.BICUBIC, reducing_gap=2.0)


def _eight_bits(image: Image.Image) -> Image.Image:
    """In the mode RGB, or RGBA if some of it is transparent. Pillow would clip 16-bit grey pictures."""
    if image.mode.startswith(("I", "F")):
        image = image.convert("F").point(lambda value: value * (1 / 257) + 0.5).convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _upright(image: Image.Image, original: Image.Image) -> Image.Image:
    """Turned by the metadata of the original; as it is if these cannot be read."""
    from PIL import ExifTags
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    try:
        turn = turns.get(original.getexif().get(ExifTags.Base.Orientation, 0))
    except Exception:  # of many types: metadata do not decide whether a picture can be read
        return image
    return image if turn is None else image.transpose(turn)
