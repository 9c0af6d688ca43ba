"""Input pictures and masks: untrusted bytes in, pictures of the requested size out."""

from __future__ import annotations

import io

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from shared.wire.payloads import JobError
from workers.diffusion.pictures.containers import EXIF_HEAD, bare_picture

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
EXPECTED = "expected a PNG, JPEG, WebP, BMP or GIF picture"

MAX_PIXELS = 64 * 1024 * 1024
"""The largest picture that is decoded. The size is checked in the header, before any pixel is decoded."""

OPAQUE = 255
"""The alpha value of a pixel without transparency."""

Size = tuple[int, int]

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by its orientation in Exif data."""


def decode(data: memoryview, field: str) -> Image.Image:
    """The picture in ``data``, turned upright. Metadata that cannot be read is ignored.

    Raises:
        JobError: 415, the bytes are not a picture or are damaged; 413, it has more than ``MAX_PIXELS``. ``field`` is
            the name of the picture in it.
    """
    try:
        return _decoded(data)
    except Image.DecompressionBombError:
        raise JobError(413, f"{field}: expected up to {MAX_PIXELS:,} pixels, got more", field) from None
    except UnidentifiedImageError:
        raise JobError(415, f"{field}: {EXPECTED}, got {len(data)} bytes of something else", field) from None
    except Exception as error:  # Pillow's decoders raise exceptions of many types on damaged data
        raise JobError(415, f"{field}: {EXPECTED}, got a damaged one ({error})", field) from None


def input_picture(image: Image.Image, size: Size) -> Image.Image:
    """An RGB picture of ``size``: transparency on white, scaled to cover the size, centre-cropped."""
    return _fit(opaque_picture(image), size)


def opaque_picture(image: Image.Image) -> Image.Image:
    """An RGB picture: transparency on white."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(background, image)
    return image.convert("RGB")


def mask_picture(image: Image.Image, size: Size) -> Image.Image:
    """A black and white mask of ``size``; the white part is generated anew.

    In a mask with transparency, the fully transparent pixels become white; in one without, the light pixels do,
    also if it has an alpha channel.
    """
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    if alpha is not None and alpha.getextrema() != (OPAQUE, OPAQUE):
        grey = alpha.point([255] + [0] * 255)
    else:
        grey = image.convert("L")
    return _fit(grey, size).point([0] * 128 + [255] * 128)


def _fit(image: Image.Image, size: Size) -> Image.Image:
    return image if image.size == size else ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def _decoded(data: memoryview) -> Image.Image:
    try:
        image = _loaded(data)
        exif = None
    except Image.DecompressionBombError:
        raise
    except Exception as error:  # as above; perhaps it is not the picture that is damaged
        bare = bare_picture(bytes(data))
        if bare is None:
            raise
        try:
            image = _loaded(bare.file)
        except Image.DecompressionBombError:
            raise
        except Exception:
            raise error from None
        exif = bare.exif
    turn = _TURNS.get(_orientation(image, exif))
    upright = image if turn is None else image.transpose(turn)
    return _to_8_bits(upright) if upright.mode.startswith("I") else upright


def _loaded(data: bytes | memoryview) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        image.load()
        return image


def _orientation(image: Image.Image, exif: bytes | None) -> int:
    """The orientation in the picture's metadata, or in ``exif``; 0 if it cannot be read."""
    try:
        if exif is None:
            found = image.getexif()
        else:
            found = Image.Exif()
            found.load(EXIF_HEAD + exif)
        orientation = found.get(ExifTags.Base.Orientation)
    except Exception:  # of many types: metadata do not decide whether a picture can be read
        return 0
    return orientation if isinstance(orientation, int) else 0


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Scale a 16-bit grey picture, which Pillow would clip."""
    return image.convert("F").point(lambda value: value * (1 / 257) + 0.5).convert("L")
