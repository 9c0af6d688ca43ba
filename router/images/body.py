"""Request bodies with an input picture: JSON that refers to it, or a form that refers to it or contains it."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.datastructures import QueryParams

from router.http.body_limit import body_too_large
from router.http.content_type import FORM, JSON, check_content_type
from router.http.forms import Form, form_docs, parse_fields, read_form
from router.http.json_body import JsonLimits, read_model
from router.images.input import read_image
from router.jobs.job import Blob
from router.schemas.errors import ApiError
from router.schemas.images import Img2ImgRequest
from shared.settings import ServerSettings


async def read_body(
    request: Request, fields: type[Img2ImgRequest], settings: ServerSettings
) -> tuple[Img2ImgRequest, Form | None]:
    """The request's parameters, and its form unless the body is JSON.

    Raises:
        ApiError: 400, the body is neither JSON nor a form, or a field is invalid; 403, a web page of another site sent
            the form; 413, the body is too large.
    """
    if check_content_type(request.headers.get("content-type"), JSON, FORM) == FORM:
        form = await read_form(request, settings)
        return parse_fields(fields, form, QueryParams()), form
    limits = JsonLimits(settings.max_json_values)
    return await read_model(request, await _body_bytes(request, settings.max_body_bytes), fields, limits), None


async def read_inputs(body: Img2ImgRequest, form: Form | None, settings: ServerSettings) -> tuple[Blob, ...]:
    """The input picture and, if one is given, the mask.

    Raises:
        ApiError: 400, the picture is missing, or a picture is given twice; those of :func:`read_image`.
    """
    image = await _input("image", body.image_path, form, settings)
    if image is None:
        raise ApiError(400, "image_path is required, or in a form the file image", "image_path")
    mask = await _input("mask", body.mask_path, form, settings)
    return (image,) if mask is None else (image, mask)


def body_docs(fields: type[Img2ImgRequest]) -> dict[str, Any]:
    """FastAPI's ``openapi_extra`` for a body with these fields, as JSON or as a form."""
    docs = form_docs(fields, {"image": "The input picture, instead of image_path", "mask": "Instead of mask_path"})
    docs["requestBody"]["content"]["application/json"] = {"schema": fields.model_json_schema()}
    return docs


async def _input(name: str, source: str, form: Form | None, settings: ServerSettings) -> Blob | None:
    """The picture uploaded as ``name`` or named by ``<name>_path``, or None."""
    path_name = f"{name}_path"
    upload = None
    if form is not None:
        upload = form.file(name, f"{name}[]", *([path_name] if path_name in form.files else []))
    if not source.strip():
        return upload
    if upload is not None:
        raise ApiError(400, f"{path_name}: expected either {name} or {path_name}, got both", path_name)
    return await read_image(source, path_name, settings)


async def _body_bytes(request: Request, max_body_bytes: int) -> bytes:
    """Read the body of a JSON request. The paths' own larger limit is for forms, whose files are not parsed."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_body_bytes:
            raise body_too_large(max_body_bytes, hint="; a form may be larger")
    return bytes(body)
