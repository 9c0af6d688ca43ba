"""The picture that guides the composition of others."""

from __future__ import annotations

from msgspec.structs import replace

from router.http.forms import Form
from router.images.input import read_image
from router.jobs.job import Blob
from router.schemas.errors import ApiError
from router.schemas.images.extras import ExtraFields
from shared.settings import ServerSettings
from shared.wire.jobs import ImageJob

_NAME = "control_image"


async def with_control(
    body: ExtraFields, form: Form | None, job: ImageJob, blobs: tuple[Blob, ...], settings: ServerSettings
) -> tuple[ImageJob, tuple[Blob, ...]]:
    """``job`` and its files with the control picture, if there is one: in the form, or named by the body.

    Raises:
        ApiError: 400, there are two of them, or edges are wanted of none; those of :func:`read_image`.
    """
    upload = None if form is None else next(iter(form.files.get(_NAME, [])), None)
    named = body.control_image.strip()
    if upload is not None and named:
        raise ApiError(400, f"{_NAME}: expected a file or a text, got both", _NAME)
    if upload is None and not named:
        if body.canny:
            raise ApiError(400, f"canny: expected {_NAME} with it, got none", "canny")
        return job, blobs
    control = await read_image(named, _NAME, settings) if upload is None else upload
    return replace(job, control=len(blobs)), (*blobs, control)
