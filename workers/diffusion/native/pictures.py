"""Pictures in the library's memory: handed to it, and taken from it."""

from __future__ import annotations

import ctypes
from typing import Any

import stable_diffusion_cpp as sd_cpp
from PIL import Image

_free = ctypes.CDLL(None).free
_free.argtypes = [ctypes.c_void_p]
_free.restype = None


def native_image(image: Image.Image, kept: list[Any]) -> Any:
    """The library's view of a picture, which is valid as long as what is added to ``kept``."""
    data = image.tobytes()
    buffer = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)  # the library may write to it
    pointer = ctypes.cast(buffer, ctypes.POINTER(ctypes.c_uint8))
    kept += [buffer, pointer]
    return sd_cpp.sd_image_t(image.width, image.height, len(image.getbands()), pointer)


def take_picture(found: Any) -> Image.Image | None:
    """The library's only picture, or None; frees the library's memory."""
    if not found:
        return None
    try:
        native = found[0]
        if not native.data:
            return None
        try:
            return picture_of(native)
        finally:
            _free(native.data)
    finally:
        _free(found)


def take_single(native: Any) -> Image.Image | None:
    """A picture that the library returned by value, or None; frees the library's memory."""
    if not native.data:
        return None
    try:
        return picture_of(native)
    finally:
        _free(native.data)


def picture_of(native: Any) -> Image.Image:
    """A copy of the library's picture, in RGB."""
    data = ctypes.string_at(native.data, native.width * native.height * native.channel)
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[native.channel]
    return Image.frombytes(mode, (native.width, native.height), data).convert("RGB")
