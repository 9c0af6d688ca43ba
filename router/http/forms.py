"""Multipart forms: their fields and files, within limits. Large files are mapped from disk, not held in memory."""

from __future__ import annotations

import mmap
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import Any, TypeVar, cast, get_origin

from fastapi import Request
from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, QueryParams, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from router.http.bodies.byte_budget import share_of
from router.http.content_type import FORM, check_content_type
from router.http.error_handlers import validation_error
from router.http.senders.other_sites import refuse_cross_site
from router.http.uploads import SpooledUpload, on_disk
from router.jobs.job import Blob
from router.schemas.errors import ApiError
from router.schemas.shown import shown
from shared.settings import ServerSettings

MAX_FILES = 20
MAX_FIELDS = 100
MAX_FIELD_BYTES = 1024 * 1024
MAX_TEXT_BYTES = 4 * 1024 * 1024
"""All texts of a form together."""
MAX_PART_HEAD_BYTES = 8 * 1024
FORM_OVERHEAD_BYTES = 1024 * 1024
"""Allowance for the rest of a form's body, on top of its largest file."""
SMALL_FILE_BYTES = 1024 * 1024
"""Files up to this size stay in memory; Starlette uses the same limit."""
FORM_MEMORY_BYTES = MAX_TEXT_BYTES + MAX_FILES * SMALL_FILE_BYTES
"""How much of a form may be in memory; the rest is in files, as is every file that is larger than a small one."""

M = TypeVar("M", bound=BaseModel)

_ITEM = re.compile(r"\[\d*\]$")
"""The end of a list's name as clients write it: ``name[]``, or ``name[0]`` for each of its items."""


@dataclass(frozen=True, slots=True)
class Form:
    """A parsed form: texts, files and what the client calls these, by name, each in order of arrival."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, list[Blob]] = field(default_factory=dict)
    file_names: dict[str, list[str]] = field(default_factory=dict)

    def file(self, *names: str) -> Blob | None:
        """The file under one of these names, or None.

        Raises:
            ApiError: 400, there are several files, or one of the names has a text.
        """
        found = [blob for name in names for blob in self.files.get(name, [])]
        if len(found) > 1:
            raise ApiError(400, f"{names[0]}: expected one file, got {len(found)}", names[0])
        for name in names:
            if name in self.texts:
                given = shown(self.texts[name][0])
                raise ApiError(400, f"{name}: expected a file with a file name, got the text {given}", name)
        return found[0] if found else None

    def required_file(self, name: str) -> Blob:
        """The file under this name.

        Raises:
            ApiError: 400, there is none, or several.
        """
        blob = self.file(name)
        if blob is None:
            raise ApiError(400, f"{name} is required: a file in the form", name)
        return blob


async def read_form(request: Request, settings: ServerSettings) -> Form:
    """Read a request's form.

    A file larger than ``SMALL_FILE_BYTES`` is mapped from an unnamed temporary file, which lives as long as the map.

    Raises:
        ApiError: 400, the body is not a multipart form or a file is empty; 403, a web page of another site sent it;
            413, a file has more than ``max_upload_bytes``; 429 or 503, there is no room for the file in the user's
            part or in all that files may hold; 507, the disk is full; 503, it does not answer.
        ClientDisconnect: the client disconnected.
    """
    refuse_cross_site(request, settings)
    content_type = request.headers.get("content-type")
    check_content_type(content_type, FORM)
    _check_charset(content_type)
    data = await _parsed(request)
    try:
        return await on_disk(_form, data, settings.max_upload_bytes)
    finally:
        await data.close()


class _BoundedParser(MultiPartParser):
    """Starlette's parser, with limits on the texts together and on the headers of each part."""

    _text_bytes = 0
    _head_bytes = 0

    def __init__(
        self, headers: Headers, stream: AsyncGenerator[bytes, None], leave_memory: Callable[[int], None]
    ) -> None:
        super().__init__(headers, stream, max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES)
        self.uploads: list[SpooledUpload] = []
        self._leave_memory = leave_memory

    def on_part_begin(self) -> None:
        self._head_bytes = 0
        super().on_part_begin()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._current_part.file is None:
            self._text_bytes += end - start
            if self._text_bytes > MAX_TEXT_BYTES:
                raise ApiError(413, f"body: expected at most {MAX_TEXT_BYTES} bytes in the form's texts, got more")
        super().on_part_data(data, start, end)

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        made = self._current_part.file
        if made is not None:
            upload = SpooledUpload(made, self._leave_memory)
            self._current_part.file = upload
            self.uploads.append(upload)
            self._files_to_close_on_error.clear()  # which would be on the event loop, and fails on a full disk

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._count_head(end - start)
        super().on_header_field(data, start, end)

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_head(end - start)
        super().on_header_value(data, start, end)

    def _count_head(self, count: int) -> None:
        self._head_bytes += count
        if self._head_bytes > MAX_PART_HEAD_BYTES:
            raise ApiError(400, f"body: expected parts with at most {MAX_PART_HEAD_BYTES} bytes of headers, got more")


async def _parsed(request: Request) -> FormData:
    async with aclosing(request.stream()) as stream:
        parser = _BoundedParser(request.headers, stream, lambda count: share_of(request.scope).move_to_files(count))
        try:
            return await parser.parse()
        except BaseException as error:
            for upload in parser.uploads:
                await upload.close()
            if isinstance(error, MultiPartException):
                raise ApiError(400, error.message) from None
            raise


def parse_fields(model: type[M], form: Form, query: QueryParams) -> M:
    """Parse the parameters in a form and the query string; empty ones are ignored.

    Raises:
        ApiError: 400, a value is invalid, a field has several values, or form and query string disagree.
    """
    values = _values(model, {name: query.getlist(name) for name in query})
    for name, value in _values(model, form.texts).items():
        if values.setdefault(name, value) != value:
            message = f"{name}: got {shown(values[name])} in the query string and {shown(value)} in the form"
            raise ApiError(400, f"{message}; give one, or both with the same value", name)
    try:
        return model.model_validate(values, strict=False)
    except ValidationError as error:
        raise validation_error([{**found, "loc": ("form", *found["loc"])} for found in error.errors()]) from None


def form_docs(model: type[BaseModel], files: Mapping[str, str], required: Sequence[str] = ()) -> dict[str, Any]:
    """FastAPI's ``openapi_extra`` for a form with the fields of ``model``, and ``files``: descriptions by name.

    ``required`` names the files that must be there.
    """
    schema = model.model_json_schema()
    schema = _inlined(schema, schema.get("$defs", {}))
    uploads = {name: {"type": "string", "format": "binary", "description": text} for name, text in files.items()}
    properties = {**uploads, **schema.get("properties", {}), **uploads}
    form = {"type": "object", "properties": properties, "required": [*required, *schema.get("required", [])]}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}}}


def _check_charset(content_type: str | None) -> None:
    """Forms are in UTF-8 (RFC 7578, 5.1.2); some of Python's other charsets would break the form parser."""
    _, options = parse_options_header(content_type)
    charset = options.get(b"charset", b"utf-8").decode("latin-1")
    if charset.lower() not in ("utf-8", "utf8", "us-ascii"):
        raise ApiError(400, f"Content-Type: expected the charset utf-8, got {shown(charset)}", "Content-Type")


def _form(data: FormData, max_file_bytes: int) -> Form:
    form = Form()
    for name, value in data.multi_items():
        if not isinstance(value, UploadFile):
            form.texts.setdefault(name, []).append(value)
        elif value.filename or value.size:  # browsers send an empty file without a name if none was chosen
            form.files.setdefault(name, []).append(_blob(name, value, max_file_bytes))
            form.file_names.setdefault(name, []).append(value.filename or "")
    return form


def _blob(name: str, upload: UploadFile, max_file_bytes: int) -> Blob:
    size_bytes = upload.size or 0
    if not size_bytes:
        raise ApiError(400, f"{name}: expected a file with content, got an empty one", name)
    if size_bytes > max_file_bytes:
        raise ApiError(413, f"{name}: expected at most {max_file_bytes} bytes, got {size_bytes}", name)
    spooled = cast("SpooledTemporaryFile[bytes]", upload.file)
    spooled.seek(0)
    if size_bytes <= SMALL_FILE_BYTES:
        return spooled.read()
    spooled.rollover()
    spooled.flush()
    return mmap.mmap(spooled.fileno(), 0, access=mmap.ACCESS_READ)


def _values(model: type[BaseModel], given: Mapping[str, list[str]]) -> dict[str, Any]:
    """The text of each field, or its texts if ``model`` has a list there.

    Drops empty texts, and ``[]`` or ``[0]`` after a name. The texts of a list may also be separated by commas.
    """
    texts: dict[str, list[str]] = {}
    for name, several in given.items():
        texts.setdefault(_ITEM.sub("", name), []).extend(text for text in several if text)
    lists = {name for name, info in model.model_fields.items() if get_origin(info.annotation) is list}
    for name in lists & texts.keys():
        texts[name] = [item for text in texts[name] for part in text.split(",") if (item := part.strip())]
    values: dict[str, Any] = {}
    for name, kept in texts.items():
        if name in lists and kept:
            values[name] = kept
        elif kept:
            if name in model.model_fields and len(set(kept)) > 1:
                raise ApiError(400, f"{name}: expected one value, got {shown(kept)}", name)
            values[name] = kept[0]
    return values


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """``schema`` with every ``$ref`` replaced by its definition, to be embedded in another document."""
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: _inlined(part, definitions) for name, part in schema.items() if name not in ("$defs", "$ref")}
    if "$ref" in schema:
        return {**_inlined(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions), **parts}
    return parts
