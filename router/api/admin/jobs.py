"""``/v1/jobs``: the user's running requests and resumable streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from router.answers.registry import Entry, JobRegistry
from router.answers.response import registry_of
from router.answers.resumable_stream import ResumableResponse
from router.api.dependencies import BrokerDep, RecordDep
from router.jobs.job import Job
from router.jobs.pictures.steps import DECODING_STEPS
from router.schemas.base import agreed
from router.schemas.errors import ApiError, error_responses
from router.schemas.jobs import JobList, JobObject
from router.schemas.shown import shown

router = APIRouter(tags=["jobs"])


async def _registry(request: Request) -> JobRegistry:
    return registry_of(request)


RegistryDep = Annotated[JobRegistry, Depends(_registry)]


async def _entry(job_id: str, registry: RegistryDep, record: RecordDep, broker: BrokerDep) -> Entry:
    """The job that the path names. A router that has just started may find it a moment later."""
    return await registry.find_settled(job_id, record, lambda: broker.settled)


EntryDep = Annotated[Entry, Depends(_entry)]
EventId = Annotated[int | None, Header(alias="Last-Event-ID", ge=0, description="The last event received.")]
After = Annotated[int | None, Query(ge=0, description="Last-Event-ID, for clients that cannot set the header.")]

_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "The events after that one, as they come."},
    204: {"description": "The stream has ended, and the client has received all of it."},
}


@router.get("/v1/jobs", responses=error_responses(401))
async def list_jobs(registry: RegistryDep, record: RecordDep) -> JobList:
    """The user's jobs, running or kept; an administrator sees those of all users."""
    return JobList(data=[_job(entry) for entry in registry.visible(record)])


@router.get("/v1/jobs/{job_id}", responses=error_responses(401, 404))
async def show_job(entry: EntryDep) -> JobObject:
    """One job."""
    return _job(entry)


@router.delete("/v1/jobs/{job_id}", responses=error_responses(401, 404))
async def cancel_job(entry: EntryDep, registry: RegistryDep) -> JobObject:
    """Cancel a job. Its client gets an `error` event if it reads a stream, else status 499.

    If the job has ended, its resumable stream is deleted.
    """
    registry.cancel(entry)
    return _job(entry)


@router.get(
    "/v1/jobs/{job_id}/events",
    response_class=Response,
    responses={**_EVENTS, **error_responses(400, 401, 404, 410)},
)
async def read_events(job_id: str, entry: EntryDep, last_event_id: EventId = None, after: After = None) -> Response:
    """Resume a stream that was requested with `X-Resumable: true`, after the given event or from the start.

    A stream has one reader at a time: a new one takes over, and the other connection's stream ends with an `error`
    event.
    """
    stream = entry.stream
    if stream is None:
        message = f"job_id: expected a stream that was requested with X-Resumable: true, got {shown(job_id)}"
        raise ApiError(400, message, "job_id", "not_resumable")
    last_id = agreed({"Last-Event-ID": last_event_id, "after": after}) or 0
    await stream.catch_up(last_id)
    stream.log.check(last_id)
    if stream.log.ended and last_id == stream.log.last_id:
        return Response(status_code=204)
    return ResumableResponse(stream, last_id)


def _job(entry: Entry) -> JobObject:
    submitted, stream = entry.submitted, entry.stream
    step, steps, seconds_left = _steps(submitted.jobs)
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
        step=step,
        steps=steps,
        seconds_left=seconds_left,
        position=submitted.position() or None,
        resumable=stream is not None,
        connected=stream is None or stream.reader is not None,
        last_event_id=stream.log.last_id if stream is not None else None,
    )


def _steps(jobs: Sequence[Job]) -> tuple[int | None, int | None, float | None]:
    """Steps done and steps in all, over the pictures of a request, and the seconds that the others take."""
    begun = [job.steps for job in jobs if job.steps.steps]
    if not begun:
        return None, None, None
    done, steps = sum(count.done for count in begun), begun[0].steps
    step_s = next((count.step_s for count in reversed(begun) if count.step_s is not None), None)
    if step_s is None or all(job.ended for job in jobs):
        return done, steps * len(jobs), None
    running = sum(job.steps.seconds_left() or 0.0 for job in jobs if not job.ended)
    waiting = sum(not job.steps.steps and not job.ended for job in jobs) * (steps + DECODING_STEPS) * step_s
    return done, steps * len(jobs), round(running + waiting, 1)
