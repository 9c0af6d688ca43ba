"""Anthropic's blocks of type image."""

from __future__ import annotations

from typing import Any

from router.schemas.errors import ApiError
from router.schemas.media.given import GivenMedium, MediumKind, SourceForm
from router.schemas.shown import shown

OMITTED_IMAGE = "[a picture, which cannot be shown here]"
"""What stands for a picture in the result of a tool where the model sees none: the chat would be lost otherwise."""


def image_of(block: dict[str, Any], path: str, stand_in: str = "") -> GivenMedium:
    """The picture of a block at ``path``; ``stand_in`` is the text for models that see none.

    Raises:
        ApiError: 400, it does not say where its file is.
    """
    source = block.get("source")
    match source:
        case {"type": "base64", "data": str(data)}:
            return GivenMedium(MediumKind.IMAGE, data, path, SourceForm.INLINE, stand_in)
        case {"type": "url", "url": str(url)}:
            return GivenMedium(MediumKind.IMAGE, url, path, SourceForm.ANY, stand_in)
    field = f"{path}.source"
    got = shown(source.get("type") if isinstance(source, dict) else source)
    message = f"{field}: expected an object of type 'base64' with data, or 'url' with a url, got {got}"
    raise ApiError(400, message, field)
