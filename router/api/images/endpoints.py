"""``POST /v1/txt2img``, ``POST /v1/img2img``, OpenAI's image endpoints, and ``GET /v1/images/{name}``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from router.answers.response import RESUMABLE, answer_in_chunks
from router.api.dependencies import BrokerDep, RecordDep
from router.api.images.answer import ImageChunks, SubmittedImages, answer_pictures
from router.http.disconnect import run_unless_disconnected
from router.http.json_body import PictureRoute
from router.http.request_record import RequestRecord
from router.images.body import body_docs, read_body, read_inputs
from router.images.control import with_control
from router.images.dimensions import picture_dimensions
from router.images.public_url import public_url
from router.images.store import MEDIA_TYPES, ImageStore
from router.jobs.broker import Broker
from router.schemas.errors import GENERATION_ERRORS, UPLOAD_ERRORS, ApiError, error_responses
from router.schemas.images.edits import EditsRequest, Img2ImgRequest
from router.schemas.images.text_to_image import GenerationsRequest, Txt2ImgRequest
from router.schemas.shown import shown
from router.threads import Lane
from shared.kinds import JobKind

GENERATION = "image_generation"
EDIT = "image_edit"

PICTURE_HEADERS = {
    "Cache-Control": "private, max-age=86400, immutable",
    "Cross-Origin-Resource-Policy": "cross-origin",  # pages of other origins may show it
    "X-Content-Type-Options": "nosniff",
}

router = APIRouter(tags=["images"])
json_router = APIRouter(tags=["images"], route_class=PictureRoute)

READING = Lane("output folder", threads=4, timeout_s=10.0)


async def image_store_of(request: Request) -> ImageStore:
    """The application's store of finished pictures."""
    store: ImageStore = request.app.state.image_store
    return store


StoreDep = Annotated[ImageStore, Depends(image_store_of)]


@json_router.post("/v1/txt2img", response_class=Response, responses=GENERATION_ERRORS, dependencies=RESUMABLE)
async def txt2img(
    body: Txt2ImgRequest, request: Request, broker: BrokerDep, record: RecordDep, store: StoreDep
) -> Response:
    """Generate pictures from text."""
    return await _generate(request, broker, record, store, body)


@json_router.post(
    "/v1/images/generations", response_class=Response, responses=GENERATION_ERRORS, dependencies=RESUMABLE
)
async def generations(
    body: GenerationsRequest, request: Request, broker: BrokerDep, record: RecordDep, store: StoreDep
) -> Response:
    """Generate pictures from text, as OpenAI's API does."""
    return await _generate(request, broker, record, store, body)


@router.post(
    "/v1/img2img",
    response_class=Response,
    responses=UPLOAD_ERRORS,
    dependencies=RESUMABLE,
    openapi_extra=body_docs(Img2ImgRequest),
)
async def img2img(request: Request, broker: BrokerDep, record: RecordDep, store: StoreDep) -> Response:
    """Generate pictures from text and a picture."""
    return await _edit(request, broker, record, store, Img2ImgRequest)


@router.post(
    "/v1/images/edits",
    response_class=Response,
    responses=UPLOAD_ERRORS,
    dependencies=RESUMABLE,
    openapi_extra=body_docs(EditsRequest),
)
async def edits(request: Request, broker: BrokerDep, record: RecordDep, store: StoreDep) -> Response:
    """Generate pictures from text and a picture, as OpenAI's API does."""
    return await _edit(request, broker, record, store, EditsRequest)


@router.get(
    "/v1/images/{name}",
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}}, **error_responses(401, 404, 503)},
)
async def picture(name: str, store: StoreDep) -> Response:
    """A finished picture, while it is kept. The signature in the `url` of an answer stands in for an API key."""
    try:
        file = await READING.run(store.read, name)
    except TimeoutError as error:
        raise ApiError(503, f"{error}; try again later") from None
    if file is None:
        message = f"name: expected a stored picture, got {shown(name)}; pictures are kept only for a while"
        raise ApiError(404, message, "name")
    return Response(file, media_type=MEDIA_TYPES[name.rpartition(".")[2]], headers=PICTURE_HEADERS)


async def _generate(
    request: Request, broker: Broker, record: RequestRecord, store: ImageStore, body: Txt2ImgRequest
) -> Response:
    job = body.to_job(broker.find_model(body.model, JobKind.IMAGE, record.limits).max_image_side)
    job, blobs = await run_unless_disconnected(request.receive, with_control(body, None, job, (), broker.settings))
    submission = SubmittedImages(broker, record, body, job, blobs, store, urls_for(request, broker))
    return await answer(request, submission, GENERATION)


async def _edit(
    request: Request,
    broker: Broker,
    record: RequestRecord,
    store: ImageStore,
    fields: type[Img2ImgRequest],
) -> Response:
    body, form = await read_body(request, fields, broker.settings)
    # Fails early: before an input picture is fetched.
    served = broker.find_model(body.model, JobKind.IMAGE, record.limits)
    job = body.to_job(served.max_image_side)
    inputs = await run_unless_disconnected(request.receive, read_inputs(body, form, broker.settings))
    job = inputs.placed(body.follow(job, picture_dimensions(inputs.pictures[0]), served.max_image_side))
    adding = with_control(body, form, job, inputs.blobs, broker.settings)
    job, blobs = await run_unless_disconnected(request.receive, adding)
    url_of = urls_for(request, broker)
    submission = SubmittedImages(broker, record, body, job, blobs, store, url_of, inputs.notes)
    return await answer(request, submission, EDIT)


def urls_for(request: Request, broker: Broker) -> Callable[[str], str]:
    """Makes the URLs by which the request's client can fetch pictures, from their file names."""
    base, signed_urls = public_url(request.scope, broker.settings), request.app.state.signed_urls
    return lambda name: f"{base}{signed_urls.sign(f'/v1/images/{name}')}"


async def answer(request: Request, submission: SubmittedImages, kind: str) -> Response:
    """Answer a request for pictures as it asks: whole, or with events whose types begin with ``kind``."""
    async with submission as submitted:
        if submitted.body.stream:
            return await answer_in_chunks(request, submitted, ImageChunks(kind, submitted))
        return await answer_pictures(request, submitted)
