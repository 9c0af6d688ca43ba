"""Input pictures and masks: untrusted bytes in, pictures of the requested size out."""

from __future__ import annotations

import io

from PIL import Image, ImageOps, UnidentifiedImageError

from shared.wire.payloads import JobError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
EXPECTED = "expected a PNG, JPEG, WebP, BMP or GIF picture"

MAX_PIXELS = 64 * 1024 * 1024
"""The largest picture that is decoded. The size is checked in the header, before any pixel is decoded."""

Size = tuple[int, int]


def input_picture(data: memoryview, size: Size) -> Image.Image:
    """An RGB picture of ``size``: rotated upright, transparency on white, scaled to cover the size, centre-cropped.

    Raises:
        JobError: 415, the bytes are not a picture or are damaged; 413, it has more than ``MAX_PIXELS``.
    """
    image = _decode(data, "image")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(background, image)
    return _fit(image.convert("RGB"), size)


def mask_picture(data: memoryview, size: Size) -> Image.Image:
    """A black and white mask of ``size``; the white part is generated anew.

    In a mask with transparency, the fully transparent pixels become white; in one without, the light pixels do.

    Raises:
        JobError: as :func:`input_picture`.
    """
    image = _decode(data, "mask")
    if image.has_transparency_data:
        grey = image.convert("RGBA").getchannel("A").point([255] + [0] * 255)
    else:
        grey = image.convert("L")
    return _fit(grey, size).point([0] * 128 + [255] * 128)


def _fit(image: Image.Image, size: Size) -> Image.Image:
    return image if image.size == size else ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def _decode(data: memoryview, field: str) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            image.load()
            upright = ImageOps.exif_transpose(image)
            return _to_8_bits(upright) if upright.mode.startswith("I") else upright
    except Image.DecompressionBombError:
        raise JobError(413, f"{field}: expected up to {MAX_PIXELS:,} pixels, got more", field) from None
    except UnidentifiedImageError:
        raise JobError(415, f"{field}: {EXPECTED}, got {len(data)} bytes of something else", field) from None
    except Exception as error:  # Pillow's decoders raise exceptions of many types on damaged data
        raise JobError(415, f"{field}: {EXPECTED}, got a damaged one ({error})", field) from None


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Scale a 16-bit grey picture, which Pillow would clip."""
    return image.convert("F").point(lambda value: value * (1 / 257) + 0.5).convert("L")
