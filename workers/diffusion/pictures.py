"""Input pictures and masks: bytes from anywhere in, pictures of the asked size out."""

from __future__ import annotations

import io

from PIL import Image, ImageOps, UnidentifiedImageError

from shared.wire.payloads import JobError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
MAX_PIXELS = 64 * 1024 * 1024
"""The largest picture that is decoded; its header tells before anything else is read."""

Size = tuple[int, int]


def input_picture(data: memoryview, size: Size) -> Image.Image:
    """An RGB picture of ``size``: upright, on white where it is transparent, scaled to cover, its middle.

    Raises:
        JobError: the bytes are no such picture, or a damaged or too large one.
    """
    image = _decode(data, "image")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image)
    return _fit(image.convert("RGB"), size)


def mask_picture(data: memoryview, size: Size) -> Image.Image:
    """A mask of ``size`` in black and white, white where to paint anew.

    A mask with transparency says so by its fully transparent pixels; one without, by its white ones.

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
        raise JobError(413, f"{field}: it has too many pixels; up to {MAX_PIXELS:,} are accepted", field) from None
    except UnidentifiedImageError:
        raise JobError(415, f"{field}: it is no picture; PNG, JPEG, WebP, BMP and GIF are accepted", field) from None
    except Exception as error:  # Pillow's decoders raise whatever their parts do on damaged data
        message = f"{field}: it is damaged ({error}); PNG, JPEG, WebP, BMP and GIF are accepted"
        raise JobError(415, message, field) from None


def _to_8_bits(image: Image.Image) -> Image.Image:
    """A grey picture of 16 bits, which Pillow would clip rather than scale."""
    return image.convert("F").point(lambda value: value * (1 / 257) + 0.5).convert("L")
