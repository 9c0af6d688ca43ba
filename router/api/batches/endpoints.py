"""``/v1/batches``: many requests in a file, run when there is room, as OpenAI's API has them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from router.api.batches.batch_object import batch_object
from router.api.dependencies import RecordDep
from router.api.files.endpoints import KeeperDep, find_file
from router.batches.records import NewBatch, StoredBatch
from router.batches.rows import BatchRows
from router.batches.runner import BatchRunner
from router.batches.states import BatchState
from router.batches.store import BatchStore
from router.files.keeper import FileKeeper
from router.http.json_body import JsonRoute
from router.http.request_record import RequestRecord
from router.schemas.batches import BATCH_ENDPOINTS, BatchList, BatchObject, BatchRequest
from router.schemas.errors import ApiError, error_responses
from router.schemas.files import BATCH
from router.schemas.shown import shown

MAX_PAGE = 100

router = APIRouter(tags=["batches"])
json_router = APIRouter(tags=["batches"], route_class=JsonRoute)


async def runner_of(request: Request) -> BatchRunner:
    """The application's runner of batches."""
    runner: BatchRunner = request.app.state.batch_runner
    return runner


async def rows_of(keeper: KeeperDep) -> BatchRows:
    """The rows of batches."""
    return BatchRows(keeper)


RunnerDep = Annotated[BatchRunner, Depends(runner_of)]
RowsDep = Annotated[BatchRows, Depends(rows_of)]


async def find_batch(rows: BatchRows, batch_id: str, record: RequestRecord, field: str = "batch_id") -> StoredBatch:
    """The batch with this id, if its owner or an administrator is asking. ``field`` is what errors name.

    Raises:
        ApiError: 404, there is none, or it is another user's; 503, the disk fails.
    """
    batch = await rows.run(BatchStore.find, batch_id)
    if batch is None or not (record.admin or batch.owner == record.user):
        message = f"{field}: expected the id of one of your batches, got {shown(batch_id)}"
        raise ApiError(404, message, field, "batch_not_found")
    return batch


async def _batch(batch_id: str, rows: RowsDep, record: RecordDep) -> StoredBatch:
    """The batch that the path names."""
    return await find_batch(rows, batch_id, record)


BatchDep = Annotated[StoredBatch, Depends(_batch)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Batches in one answer.")]
After = Annotated[str | None, Query(max_length=64, description="The id of the last batch of the page before.")]


@json_router.post("/v1/batches", responses=error_responses(400, 401, 404, 413, 429, 503))
async def create_batch(
    body: BatchRequest, request: Request, keeper: KeeperDep, rows: RowsDep, record: RecordDep, runner: RunnerDep
) -> BatchObject:
    """Run all requests of a file, at the priority `batch`. The answers are in a file at the end."""
    _check_endpoint(body.endpoint, request)
    await _check_input(body.input_file_id, keeper, record)
    now_s = int(keeper.clock())
    new = NewBatch(
        owner=record.user,
        key_id=record.key_id,
        network=record.network,
        endpoint=body.endpoint,
        input_file_id=body.input_file_id,
        completion_window=body.completion_window,
        metadata=body.metadata,
        output_keep_s=body.output_expires_after.seconds if body.output_expires_after else None,
        created_at_s=now_s,
        expires_at_s=now_s + body.window_s,
    )
    batch = await rows.run(BatchStore.create, new)
    runner.add(batch)
    return batch_object(batch)


@router.get("/v1/batches", responses=error_responses(400, 401, 404, 503))
async def list_batches(rows: RowsDep, record: RecordDep, limit: Limit = 20, after: After = None) -> BatchList:
    """The user's batches, the newest first; an administrator sees those of all users."""
    if after is not None:
        await find_batch(rows, after, record, "after")
    page = await rows.run(BatchStore.page, None if record.admin else record.user, after, limit)
    data = [batch_object(batch) for batch in page.batches]
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return BatchList(data=data, first_id=first, last_id=last, has_more=page.has_more)


@router.get("/v1/batches/{batch_id}", responses=error_responses(401, 404, 503))
async def show_batch(batch: BatchDep) -> BatchObject:
    """One batch."""
    return batch_object(batch)


@router.post("/v1/batches/{batch_id}/cancel", responses=error_responses(400, 401, 404, 503))
async def cancel_batch(batch: BatchDep, runner: RunnerDep) -> BatchObject:
    """Stop a batch. What has been answered by then is in its output file."""
    if batch.state.ended and batch.state is not BatchState.CANCELLED:
        message = f"batch_id: expected a batch that has not ended, got one that is {batch.state}"
        raise ApiError(400, message, "batch_id", "batch_ended")
    return batch_object(await runner.cancel(batch))


def _check_endpoint(endpoint: str, request: Request) -> None:
    served = [path for path in BATCH_ENDPOINTS if "POST" in request.app.state.paths.get(path, ())]
    if endpoint not in served:
        raise ApiError(400, f"endpoint: expected {' or '.join(served)}, got {shown(endpoint)}", "endpoint")


async def _check_input(file_id: str, keeper: FileKeeper, record: RequestRecord) -> None:
    file = await find_file(keeper, file_id, record, "input_file_id")
    if file.purpose != BATCH:
        message = f"input_file_id: expected a file with the purpose {BATCH}, got one with {shown(file.purpose)}"
        raise ApiError(400, message, "input_file_id")
