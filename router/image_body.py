"""The bodies of endpoints that take a picture: JSON, in which it is named, or a form, in which it lies."""

from __future__ import annotations

from typing import TypeVar

from fastapi import Request
from pydantic import ValidationError

from router.error_handlers import validation_error
from router.errors import ApiError
from router.image_input import read_image
from router.jobs.job import Blob
from router.json_body import parse_json_body
from router.schemas.images import Img2ImgRequest
from router.shown import shown
from shared.settings import ServerSettings

B = TypeVar("B", bound=Img2ImgRequest)


async def read_body(request: Request, model: type[B], settings: ServerSettings) -> B:
    """The request's body.

    Raises:
        ApiError: 400, it is neither JSON nor a form, or not as ``model`` has it.
    """
    given = request.headers.get("content-type", "")
    kind = given.partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        found = f"is {shown(given)}" if given else "is missing"
        raise ApiError(
            400,
            f"the header Content-Type {found}; accepted are application/json and multipart/form-data",
            "Content-Type",
        )
    try:
        return model.model_validate(parse_json_body(await request.body()))
    except ValidationError as error:
        raise validation_error([{**found, "loc": ("body", *found["loc"])} for found in error.errors()]) from None


async def read_inputs(body: Img2ImgRequest, settings: ServerSettings) -> tuple[Blob, ...]:
    """The input picture, and the mask where there is one.

    Raises:
        ApiError: one is missing, refused or given twice.
    """
    if not body.image_path.strip():
        raise ApiError(400, "image_path is missing, and it is required (or a file image in a form)", "image_path")
    image = await read_image(body.image_path, "image_path", settings)
    if not body.mask_path.strip():
        return (image,)
    return image, await read_image(body.mask_path, "mask_path", settings)
