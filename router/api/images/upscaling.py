"""``POST /v1/images/upscale``: a larger copy of a picture."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from router.answers.response import RESUMABLE
from router.api.dependencies import BrokerDep, RecordDep
from router.api.images.answer import SubmittedImages
from router.api.images.endpoints import StoreDep, answer, urls_for
from router.api.images.loras import image_models
from router.http.disconnect import run_unless_disconnected
from router.images.body import body_docs, read_body, read_picture
from router.jobs.broker import Broker
from router.jobs.limits import UserLimits
from router.schemas.errors import UPLOAD_ERRORS
from router.schemas.images.upscale import UpscaleRequest
from shared.kinds import JobKind

UPSCALE = "image_upscale"

router = APIRouter(tags=["images"])


@router.post(
    "/v1/images/upscale",
    response_class=Response,
    responses=UPLOAD_ERRORS,
    dependencies=RESUMABLE,
    openapi_extra=body_docs(UpscaleRequest),
)
async def upscale(request: Request, broker: BrokerDep, record: RecordDep, store: StoreDep) -> Response:
    """Enlarge a picture with the upscaler of a model (its option `upscaler`)."""
    body, form = await read_body(request, UpscaleRequest, broker.settings)
    body = body.model_copy(update={"model": upscaling_model(broker, record.limits, body.model)})
    job = body.to_job()
    picture = await run_unless_disconnected(request.receive, read_picture(body.image_path, form, broker.settings))
    submission = SubmittedImages(broker, record, body, job, (picture,), store, urls_for(request, broker))
    return await answer(request, submission, UPSCALE)


def upscaling_model(broker: Broker, limits: UserLimits, name: str | None) -> str:
    """The name of the model that ``name`` means; without one, the first that has an upscaler, or else the first.

    Raises:
        Refused: there is none, or the user may not use it.
    """
    able = next((model.name for model in image_models(broker, limits) if model.upscaler), None)
    return broker.find_model(name or able, JobKind.IMAGE, limits).name
