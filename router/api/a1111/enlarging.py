"""``/sdapi/v1/extra-single-image`` and ``/sdapi/v1/extra-batch-images``: larger copies of pictures."""

from __future__ import annotations

from pathlib import PurePath

from fastapi import APIRouter, Request, Response

from router.answers.response import gathered
from router.answers.warnings import header_of
from router.api.a1111.errors import A1111_ERRORS
from router.api.a1111.route import UntypedPictureRoute
from router.api.a1111.translating import translated
from router.api.dependencies import BrokerDep, RecordDep
from router.api.images.answer import SubmittedImages
from router.api.images.endpoints import StoreDep
from router.api.images.loras import image_models
from router.http.disconnect import run_unless_disconnected
from router.http.json_text import json_text
from router.http.request_record import RequestRecord
from router.images.dimensions import picture_dimensions
from router.images.input import read_inline
from router.images.store import ImageStore
from router.jobs.broker import Broker
from router.jobs.limits import UserLimits
from router.schemas.a1111.extras import ExtrasBatchBody, ExtrasBody, ExtrasSingleBody
from router.schemas.errors import ApiError
from router.schemas.images.upscale import UpscaleRequest
from router.schemas.shown import shown

router = APIRouter(tags=["automatic1111"], route_class=UntypedPictureRoute, responses=A1111_ERRORS)

_NOBODY = frozenset({"", "none"})


@router.post("/sdapi/v1/extra-single-image", response_class=Response)
async def sd_extra_single_image(
    body: ExtrasSingleBody, request: Request, broker: BrokerDep, record: RecordDep, store: StoreDep
) -> Response:
    """Enlarge a picture."""
    image, notes = await _enlarged(request, broker, record, store, body, "image", body.image)
    told = {"html_info": "", "image": image if body.show_extras_results else None}
    return Response(json_text(told), headers=header_of(notes), media_type="application/json")


@router.post("/sdapi/v1/extra-batch-images", response_class=Response)
async def sd_extra_batch_images(
    body: ExtrasBatchBody, request: Request, broker: BrokerDep, record: RecordDep, store: StoreDep
) -> Response:
    """Enlarge pictures, one after the other."""
    images, notes = [], dict[str, None]()
    for number, file in enumerate(body.imageList):
        image, told = await _enlarged(request, broker, record, store, body, f"imageList.{number}.data", file.data)
        images.append(image)
        notes |= dict.fromkeys(told)
    return Response(
        json_text({"html_info": "", "images": images}), headers=header_of(list(notes)), media_type="application/json"
    )


def upscalers(broker: Broker, limits: UserLimits) -> dict[str, str]:
    """The models that have an upscaler, by the name of its file; the first of each name."""
    found: dict[str, str] = {}
    for model in image_models(broker, limits):
        if model.upscaler:
            found.setdefault(PurePath(model.upscaler).stem, model.name)
    return found


async def _enlarged(
    request: Request,
    broker: Broker,
    record: RequestRecord,
    store: ImageStore,
    body: ExtrasBody,
    field: str,
    source: str,
) -> tuple[str, list[str]]:
    """A picture as base64, larger, and what was not done as asked."""
    model = _model(broker, record.limits, body.upscaler_1)
    data = await run_unless_disconnected(request.receive, read_inline(source, "image", field, broker.settings))
    wanted = {"model": model, "scale": body.scale_for(picture_dimensions(data))}
    own = translated(UpscaleRequest, {**wanted, "priority": body.priority, "timeout": body.timeout})
    submission = SubmittedImages(broker, record, own, own.to_job(), (data,), store, lambda name: "")
    async with submission as submitted:
        await gathered(request, submission, _finished(submission))
    return submission.kept[0].base64, [*body.notes(), *submitted.warnings]


async def _finished(submitted: SubmittedImages) -> None:
    async for _ in submitted.events():
        pass


def _model(broker: Broker, limits: UserLimits, name: str) -> str | None:
    """The name of the model with this upscaler; the first one without a name.

    Raises:
        ApiError: 400, there is none.
    """
    known = upscalers(broker, limits)
    if name.casefold() in _NOBODY:
        return next(iter(known.values()), None)
    if name in known:
        return known[name]
    expected = ", ".join(known) or "none, since no served model has an upscaler"
    raise ApiError(400, f"upscaler_1: expected one of {expected}, got {shown(name)}", "upscaler_1")
