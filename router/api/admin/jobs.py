"""``/v1/jobs``: one's own running requests, and the streams that are kept for clients who lost their connection."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response

from router.answers.kept_stream import KeptEvents
from router.answers.registry import Entry, JobRegistry
from router.answers.response import registry_of
from router.api.dependencies import RecordDep
from router.schemas.base import agreed
from router.schemas.errors import ApiError, error_responses
from router.schemas.jobs import JobList, JobObject

router = APIRouter(tags=["jobs"])

RegistryDep = Annotated[JobRegistry, Depends(registry_of)]
EventId = Annotated[int | None, Header(alias="Last-Event-ID", ge=0, description="The last event that has arrived.")]
After = Annotated[int | None, Query(ge=0, description="The same, for clients that cannot set the header.")]

_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "The events that follow, live to the end."},
    204: {"description": "The stream has ended, and its client has all of it."},
}


@router.get("/v1/jobs", responses=error_responses(401))
async def list_jobs(registry: RegistryDep, record: RecordDep) -> JobList:
    """One's own jobs, running and kept; an administrator sees those of all users."""
    return JobList(data=[_job(entry) for entry in registry.visible(record)])


@router.get("/v1/jobs/{job_id}", responses=error_responses(401, 404))
async def show_job(job_id: str, registry: RegistryDep, record: RecordDep) -> JobObject:
    """One job."""
    return _job(registry.find(job_id, record))


@router.delete("/v1/jobs/{job_id}", responses=error_responses(401, 404))
async def cancel_job(job_id: str, registry: RegistryDep, record: RecordDep) -> JobObject:
    """Cancel a job. Its client is told so: by an `error` event in a stream, by status 499 otherwise.

    A resumable stream that has ended is forgotten.
    """
    entry = registry.find(job_id, record)
    registry.cancel(entry)
    return _job(entry)


@router.get(
    "/v1/jobs/{job_id}/events",
    response_class=Response,
    responses={**_EVENTS, **error_responses(400, 401, 404, 410)},
)
async def read_events(
    job_id: str, registry: RegistryDep, record: RecordDep, last_event_id: EventId = None, after: After = None
) -> Response:
    """Read on in a stream that was asked for with `X-Resumable: true`: all events after the given one.

    Without an event's id, the stream begins anew. It has one reader at a time: whoever comes last takes over, and the
    other connection's stream ends with an `error` event.
    """
    entry = registry.find(job_id, record)
    stream = entry.stream
    if stream is None:
        message = f"job {job_id} is not resumable; accepted are streams that were asked for with X-Resumable: true"
        raise ApiError(400, message, "job_id", "not_resumable")
    last_id = agreed({"Last-Event-ID": last_event_id, "after": after}) or 0
    stream.log.check(last_id)
    if stream.log.ended and last_id == stream.log.last_id:
        return Response(status_code=204)
    return KeptEvents(stream, last_id)


def _job(entry: Entry) -> JobObject:
    submitted, stream = entry.submitted, entry.stream
    return JobObject(
        id=entry.job_id,
        request_id=submitted.record.request_id,
        user=entry.user,
        model=submitted.model,
        kind=submitted.kind,
        state=entry.state,
        created=submitted.created,
        choices=len(submitted.jobs),
        tokens=sum(len(job.generated) for job in submitted.jobs),
        position=submitted.position() or None,
        resumable=stream is not None,
        connected=stream is None or stream.reader is not None,
        last_event_id=stream.log.last_id if stream is not None else None,
    )
