"""The bodies of endpoints that take a picture: JSON, in which it is named, or a form, in which it may lie itself."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import QueryParams

from router.http.content_type import FORM, JSON, check_content_type
from router.http.error_handlers import validation_error
from router.http.forms import Form, form_docs, parse_fields, read_form
from router.http.json_body import parse_json_body
from router.images.input import read_image
from router.jobs.job import Blob
from router.schemas.errors import ApiError
from router.schemas.images import Img2ImgRequest
from shared.settings import ServerSettings


async def read_body(
    request: Request, fields: type[Img2ImgRequest], settings: ServerSettings
) -> tuple[Img2ImgRequest, Form | None]:
    """The request's parameters, and the form that they were in if it was one.

    Raises:
        ApiError: 400, it is neither JSON nor a form, or not as ``fields`` has it; 403, another site's page sent the
            form; 413, it is too large.
    """
    if check_content_type(request.headers.get("content-type"), JSON, FORM) == FORM:
        form = await read_form(request, settings)
        return parse_fields(fields, form, QueryParams()), form
    value = parse_json_body(await _body_bytes(request, settings.max_body_bytes))
    try:
        return fields.model_validate(value), None
    except ValidationError as error:
        raise validation_error([{**found, "loc": ("body", *found["loc"])} for found in error.errors()]) from None


async def read_inputs(body: Img2ImgRequest, form: Form | None, settings: ServerSettings) -> tuple[Blob, ...]:
    """The input picture, and the mask where there is one.

    Raises:
        ApiError: one is missing, refused or given twice.
    """
    image = await _input("image", body.image_path, form, settings)
    if image is None:
        raise ApiError(
            400, "image_path is missing, and it is required; in a form, the file image may take its place", "image_path"
        )
    mask = await _input("mask", body.mask_path, form, settings)
    return (image,) if mask is None else (image, mask)


def body_docs(fields: type[Img2ImgRequest]) -> dict[str, Any]:
    """FastAPI's ``openapi_extra`` for such a body."""
    docs = form_docs(fields, image="The input picture, in place of image_path", mask="In place of mask_path")
    docs["requestBody"]["content"]["application/json"] = {"schema": fields.model_json_schema()}
    return docs


async def _input(name: str, source: str, form: Form | None, settings: ServerSettings) -> Blob | None:
    """A picture that was uploaded under this name, or named by ``<name>_path``."""
    path_name = f"{name}_path"
    upload = None
    if form is not None:
        upload = form.file(name, f"{name}[]", *([path_name] if path_name in form.files else []))
    if not source.strip():
        return upload
    if upload is not None:
        raise ApiError(400, f"{name} and {path_name} were both given; accepted is one of them", path_name)
    return await read_image(source, path_name, settings)


async def _body_bytes(request: Request, max_body_bytes: int) -> bytes:
    """The body; these endpoints let larger ones in for their files, but JSON is parsed in one go."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > max_body_bytes:
            raise ApiError(
                413,
                f"the body has more than {max_body_bytes} bytes; accepted are up to that in JSON, and more in a form",
                headers={"Connection": "close"},
            )
    return bytes(body)
