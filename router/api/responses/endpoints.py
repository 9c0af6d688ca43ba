"""``/v1/responses``: OpenAI's newer API for text, with answers that the server keeps."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from router.answers.response import RESUMABLE, registry_of
from router.answers.tokenizing import counted_tokens
from router.api.dependencies import BrokerDep, RecordDep
from router.api.responses.answer import PATH, respond
from router.api.responses.prepared import prepare
from router.api.responses.stored import ItemPage, StoredResponses
from router.api.responses.truncating import fit
from router.conversations.archive import AnswerArchive
from router.http.bodies.byte_budget import share_of
from router.http.json_body import JsonRoute
from router.schemas.errors import GENERATION_ERRORS, ApiError, error_responses
from router.schemas.responses.request import ResponsesRequest

router = APIRouter(route_class=JsonRoute, tags=["responses"])
stored_router = APIRouter(tags=["responses"])


async def _archive(request: Request) -> AnswerArchive:
    archive: AnswerArchive = request.app.state.answers
    return archive


ArchiveDep = Annotated[AnswerArchive, Depends(_archive)]


async def _stored(request: Request, archive: ArchiveDep, broker: BrokerDep) -> StoredResponses:
    return StoredResponses(archive, registry_of(request), broker)


StoredDep = Annotated[StoredResponses, Depends(_stored)]
StartingAfter = Annotated[int | None, Query(ge=0, description="With stream: the number of the last event received.")]


@router.post(PATH, response_class=Response, responses=GENERATION_ERRORS, dependencies=RESUMABLE)
async def create_response(
    body: ResponsesRequest, request: Request, broker: BrokerDep, record: RecordDep, archive: ArchiveDep
) -> Response:
    """Answer the next turn of a conversation with text or, if there are `tools`, with calls."""
    prepared = await prepare(body, request, broker, record, archive)
    if body.truncation == "auto":
        await fit(request, broker, record, prepared)
    return await respond(request, broker, record, prepared, archive)


@router.post(f"{PATH}/input_tokens", responses=GENERATION_ERRORS)
async def count_input_tokens(
    body: ResponsesRequest, request: Request, broker: BrokerDep, record: RecordDep, archive: ArchiveDep
) -> dict[str, Any]:
    """Count the tokens of a request's input, without an answer."""
    prepared = await prepare(body, request, broker, record, archive)
    count = await counted_tokens(request, broker, record, prepared.model, prepared.job, body, prepared.settled)
    return {"object": "response.input_tokens", "input_tokens": count}


@stored_router.post(f"{PATH}/compact", responses=error_responses(401, 501))
async def compact_response() -> Response:
    """Not supported."""
    message = "compact: not supported; send fewer items as input, or use truncation: auto"
    raise ApiError(501, message, code="not_supported")


@stored_router.get(
    f"{PATH}/{{response_id}}", response_class=Response, responses=error_responses(400, 401, 404, 410, 503)
)
async def show_response(
    response_id: str,
    record: RecordDep,
    stored: StoredDep,
    stream: Annotated[bool, Query(description="Send its events instead, as they come.")] = False,
    starting_after: StartingAfter = None,
) -> Response:
    """A stored response. One in the background, or with a resumable stream, can be asked for while it is generated."""
    if stream:
        return await stored.events(response_id, record, starting_after)
    return Response(stored.shown(*await stored.find(response_id, record)), media_type="application/json")


@stored_router.delete(f"{PATH}/{{response_id}}", responses=error_responses(401, 404, 503))
async def delete_response(response_id: str, record: RecordDep, stored: StoredDep) -> dict[str, Any]:
    """Delete a stored response. It ends if it is still generated."""
    await stored.delete(response_id, record)
    return {"id": response_id, "object": "response", "deleted": True}


@stored_router.post(
    f"{PATH}/{{response_id}}/cancel", response_class=Response, responses=error_responses(400, 401, 404, 409, 503)
)
async def cancel_response(response_id: str, record: RecordDep, stored: StoredDep) -> Response:
    """Stop a response in the background. One that has ended stays as it is."""
    return Response(await stored.cancel(response_id, record), media_type="application/json")


@stored_router.get(f"{PATH}/{{response_id}}/input_items", responses=error_responses(400, 401, 404, 503))
async def list_input_items(
    response_id: str,
    request: Request,
    record: RecordDep,
    stored: StoredDep,
    after: Annotated[str | None, Query(description="The last item of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Annotated[Literal["asc", "desc"], Query(description="desc: the latest first.")] = "desc",
) -> dict[str, Any]:
    """The items that led to a response, also those before it in its conversation."""
    return await stored.input_items(response_id, record, share_of(request.scope), ItemPage(after, limit, order))
