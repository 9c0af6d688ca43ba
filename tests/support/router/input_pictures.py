"""Reading input pictures as the image endpoints do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from router.images.input import read_image
from router.schemas.errors import ApiError
from shared.settings import ServerSettings
from tests.support.requests.pictures import png

PICTURE = png()
SECRET = b"nobody may read this"


def read_input(given: str, media: Path | str = "", max_bytes: int = 10_000) -> bytes:
    settings = ServerSettings(models=(), run_folder="", media_folder=str(media), max_upload_bytes=max_bytes)
    return asyncio.run(read_image(given, "image_path", settings))


def refusal_of(given: str, media: Path | str = "", status: int = 400, max_bytes: int = 10_000) -> str:
    """The error message for ``given``, which begins with the field's name."""
    with pytest.raises(ApiError) as refusal:
        read_input(given, media, max_bytes)
    assert refusal.value.status == status
    assert refusal.value.param == "image_path"
    message = str(refusal.value)
    assert message.startswith("image_path")
    assert len(message) < 600
    return message
