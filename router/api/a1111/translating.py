"""From a body of Automatic1111's to one of this server's own, with errors in the client's words."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from router.http.error_handlers import validation_error
from router.schemas.errors import ApiError

M = TypeVar("M", bound=BaseModel)

_NAMES = {
    "sample_steps": "steps",
    "strength": "denoising_strength",
    "n": "batch_size",
    "image_path": "init_images",
    "mask_path": "mask",
    "sampler": "sampler_name",
    "scale": "upscaling_resize",
    "size": "width",
}
"""What the fields of this server's own API are called in Automatic1111's, where that differs."""


def translated(model: type[M], fields: dict[str, Any]) -> M:
    """The body of this server's own API with these fields.

    Raises:
        ApiError: 400, one of them is invalid.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        errors = [{**found, "loc": ("body", *map(_renamed, found["loc"]))} for found in error.errors()]
        raise validation_error(errors) from None


def in_clients_words(error: ApiError) -> ApiError:
    """``error`` with the client's name of the field at fault."""
    if error.param is None or error.param not in _NAMES:
        return error
    name = _NAMES[error.param]
    message = str(error)
    if message.startswith(f"{error.param}:"):
        message = name + message.removeprefix(error.param)
    return ApiError(error.status, message, name, error.code, error.headers)


def _renamed(step: str | int) -> str | int:
    return _NAMES.get(step, step) if isinstance(step, str) else step
