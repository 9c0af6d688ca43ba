"""``/sdapi/v1/txt2img`` and ``/sdapi/v1/img2img``."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from msgspec.structs import replace

from router.api.a1111.answer import answer_painting
from router.api.a1111.checkpoints import ChosenCheckpoints, ChosenDep, current_checkpoint, find_checkpoint
from router.api.a1111.errors import A1111_ERRORS
from router.api.a1111.route import UntypedPictureRoute
from router.api.a1111.submitted import SubmittedPainting
from router.api.a1111.translating import translated
from router.api.dependencies import BrokerDep, RecordDep
from router.api.images.endpoints import StoreDep
from router.http.disconnect import run_unless_disconnected
from router.http.request_record import RequestRecord
from router.images.body import read_inputs
from router.images.control import with_control
from router.images.dimensions import picture_dimensions
from router.images.store import ImageStore
from router.jobs.broker import Broker
from router.jobs.job import Blob
from router.schemas.a1111.painting import A1111Img2Img, A1111Txt2Img, PaintingBody
from router.schemas.images.edits import Img2ImgRequest
from router.schemas.images.request import ImageRequest
from router.schemas.images.text_to_image import GenerationsRequest
from shared.settings import ModelSettings
from shared.wire.jobs import ImageJob

router = APIRouter(tags=["automatic1111"], route_class=UntypedPictureRoute, responses=A1111_ERRORS)


@router.post("/sdapi/v1/txt2img", response_class=Response)
async def sd_txt2img(
    body: A1111Txt2Img, request: Request, broker: BrokerDep, record: RecordDep, store: StoreDep, chosen: ChosenDep
) -> Response:
    """Paint pictures from text."""
    model = _model(body, broker, record, chosen)
    own = translated(GenerationsRequest, {**body.fields(), "model": model.name})
    job = own.to_job(model.max_image_side)
    return await _painted(request, broker, record, store, body, own, job, ())


@router.post("/sdapi/v1/img2img", response_class=Response)
async def sd_img2img(
    body: A1111Img2Img, request: Request, broker: BrokerDep, record: RecordDep, store: StoreDep, chosen: ChosenDep
) -> Response:
    """Paint pictures from text and a picture."""
    model = _model(body, broker, record, chosen)
    own = translated(Img2ImgRequest, {**body.fields(), "model": model.name})
    job = own.to_job(model.max_image_side)
    inputs = await run_unless_disconnected(request.receive, read_inputs(own, None, broker.settings))
    job = inputs.placed(own.follow(job, picture_dimensions(inputs.pictures[0]), model.max_image_side))
    return await _painted(request, broker, record, store, body, own, job, inputs.blobs)


def _model(body: PaintingBody, broker: Broker, record: RequestRecord, chosen: ChosenCheckpoints) -> ModelSettings:
    """The model that the body names, or else the one that the user has chosen, or the first one.

    Raises:
        Refused: it is not served, or not to this user.
    """
    current = None if body.model else current_checkpoint(broker, record, chosen)
    return current or find_checkpoint(broker, record, body.model)


async def _painted(
    request: Request,
    broker: Broker,
    record: RequestRecord,
    store: ImageStore,
    body: PaintingBody,
    own: ImageRequest,
    job: ImageJob,
    blobs: tuple[Blob, ...],
) -> Response:
    adding = with_control(own, None, replace(job, previews=body.previews), blobs, broker.settings)
    job, blobs = await run_unless_disconnected(request.receive, adding)
    submission = SubmittedPainting(broker, record, own, job, blobs, store, _no_url, body.notes())
    async with submission:
        return await answer_painting(request, submission, body)


def _no_url(name: str) -> str:
    """These answers have no URLs."""
    return ""
