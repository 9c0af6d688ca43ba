"""Request bodies with an input picture: JSON that refers to it, or a form that refers to it or contains it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request
from msgspec.structs import replace
from pydantic import BaseModel
from starlette.datastructures import QueryParams

from router.http.body_limit import body_too_large
from router.http.content_type import FORM, JSON, check_content_type
from router.http.forms import Form, form_docs, parse_fields, read_form
from router.http.json_body import JsonLimits, read_model
from router.images.input import read_image
from router.jobs.job import Blob
from router.schemas.errors import ApiError
from router.schemas.images.edits import Img2ImgRequest
from router.schemas.images.sources import MAX_INPUTS, NamedSource
from router.schemas.shown import shown
from shared.settings import ServerSettings
from shared.wire.jobs import ImageJob

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Inputs:
    """The input pictures of a request, at least one, and its mask. ``notes`` name files that it does not take."""

    pictures: tuple[Blob, ...]
    mask: Blob | None = None
    notes: tuple[str, ...] = ()

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """All files, as they go with the job."""
        return self.pictures if self.mask is None else (*self.pictures, self.mask)

    def placed(self, job: ImageJob) -> ImageJob:
        """``job``, which begins with the first picture and refers to the others, with their places among the files."""
        count = len(self.pictures)
        return replace(job, init=0, references=list(range(1, count)), mask=None if self.mask is None else count)


async def read_body(request: Request, fields: type[M], settings: ServerSettings) -> tuple[M, Form | None]:
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


async def read_inputs(body: Img2ImgRequest, form: Form | None, settings: ServerSettings) -> Inputs:
    """The input pictures and, if one is given, the mask.

    Raises:
        ApiError: 400, there is no picture, there are too many, or they are given in two ways; those of
            :func:`read_image`.
    """
    uploads = _uploads(form, "image", MAX_INPUTS)
    sources = body.picture_sources()
    if uploads and sources:
        raise ApiError(400, f"{sources[0][0]}: expected either image or {sources[0][0]}, got both", sources[0][0])
    if not uploads and not sources:
        raise ApiError(400, "image_path is required, or in a form the file image", "image_path")
    if len(sources) > MAX_INPUTS:
        raise _too_many(sources[0][0].partition(".")[0], MAX_INPUTS, len(sources))
    mask = next(iter(_uploads(form, "mask", 1)), None)
    source = body.mask_source()
    if mask is not None and source is not None:
        raise ApiError(400, f"{source[0]}: expected either mask or {source[0]}, got both", source[0])
    pictures = uploads or [await _read(named, settings) for named in sources]
    read = await _read(source, settings) if source is not None else mask
    return Inputs(tuple(pictures), read, _unknown_files(form))


async def read_picture(source: str, form: Form | None, settings: ServerSettings) -> Blob:
    """The only picture of a request: the form's file ``image``, or what its ``image_path`` names.

    Raises:
        ApiError: 400, there is not one picture; those of :func:`read_image`.
    """
    upload = next(iter(_uploads(form, "image", 1)), None)
    if upload is not None and source.strip():
        raise ApiError(400, "image_path: expected either image or image_path, got both", "image_path")
    if upload is None and not source.strip():
        raise ApiError(400, "image_path is required, or in a form the file image", "image_path")
    return await read_image(source, "image_path", settings) if upload is None else upload


_FILES = {
    "image": "The input picture, instead of image_path",
    "mask": "Instead of mask_path",
}
_FIELD_OF = {"image": "image_path", "mask": "mask_path"}


def body_docs(fields: type[BaseModel]) -> dict[str, Any]:
    """FastAPI's ``openapi_extra`` for a body with these fields, as JSON or as a form."""
    files = {name: text for name, text in _FILES.items() if _FIELD_OF[name] in fields.model_fields}
    docs = form_docs(fields, files)
    docs["requestBody"]["content"]["application/json"] = {"schema": fields.model_json_schema()}
    return docs


def _unknown_files(form: Form | None) -> tuple[str, ...]:
    """Warnings of files that are no input pictures.

    Raises:
        ApiError: 400, one is OpenAI's ``markup``.
    """
    if form is None:
        return ()
    if "markup" in form.files:
        message = "markup: expected a request without it, with the drawing on the picture itself, got a file"
        raise ApiError(400, message, "markup")
    unknown = [name for name in form.files if not re.fullmatch(r"(image|mask)(\[\d*\]|_path)?", name)]
    return tuple(f"{name[:100]}: this server has no such file" for name in unknown)


async def _read(named: NamedSource, settings: ServerSettings) -> Blob:
    name, source = named
    return await read_image(source, name, settings)


def _uploads(form: Form | None, name: str, most: int) -> list[Blob]:
    """The files of a form that are called ``name``, also as a list's items, or ``<name>_path``."""
    if form is None:
        return []
    item = re.compile(rf"{name}(\[\d*\])?")
    path_name = f"{name}_path"
    names = [given for given in form.files if item.fullmatch(given) or given == path_name]
    if len(names) > 1 and path_name in names:
        raise ApiError(400, f"{path_name}: expected either {name} or {path_name}, got both", path_name)
    for given, texts in form.texts.items():
        if item.fullmatch(given):
            raise ApiError(400, f"{name}: expected a file with a file name, got the text {shown(texts[0])}", name)
    found = [blob for given in names for blob in form.files[given]]
    if len(found) > most:
        raise _too_many(name, most, len(found))
    return found


def _too_many(name: str, most: int, got: int) -> ApiError:
    expected = "one file" if most == 1 else f"at most {most} pictures"
    return ApiError(400, f"{name}: expected {expected}, got {got}", name)


async def _body_bytes(request: Request, max_body_bytes: int) -> bytes:
    """Read the body of a JSON request. The paths' own larger limit is for forms, whose files are not parsed."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_body_bytes:
            raise body_too_large(max_body_bytes, hint="; a form may be larger")
    return bytes(body)
