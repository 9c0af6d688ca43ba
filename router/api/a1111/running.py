"""What runs at the moment: ``/sdapi/v1/progress``, ``interrupt`` and ``skip``, of the caller's own requests.

They are about the requests of this API only, so that a front end that closes does not stop what the same user
does elsewhere.
"""

from __future__ import annotations

import base64
from typing import Any

from fastapi import APIRouter, Depends, Request

from router.answers.response import registry_of
from router.api.a1111.answer import timestamp
from router.api.a1111.errors import A1111_ERRORS
from router.api.a1111.submitted import SubmittedPainting
from router.api.dependencies import RecordDep
from router.api.operators import may_stop_own
from router.http.request_record import RequestRecord
from router.schemas.a1111.progress import ProgressObject, ProgressState

router = APIRouter(tags=["automatic1111"], responses=A1111_ERRORS)

STARTED = 0.01
"""The progress of a request that has not made a step yet: programs take 0 for nothing to do."""


@router.get("/sdapi/v1/progress")
async def sd_progress(request: Request, record: RecordDep, skip_current_image: bool = False) -> ProgressObject:
    """How far the caller's oldest request is. `current_image` is there if the request's settings ask for it."""
    running = _own_requests(request, record)
    if not running:
        return ProgressObject(state=ProgressState())
    current, step = running[0], running[0].step
    fraction = min(max(current.fraction, STARTED), 1.0)
    state = ProgressState(
        interrupted=current.interrupted,
        job=f"picture {min(current.finished + 1, len(current.jobs))} of {len(current.jobs)}",
        job_count=len(current.jobs),
        job_timestamp=timestamp(current.created),
        job_no=current.finished,
        sampling_step=step.step,
        sampling_steps=step.steps,
    )
    image = "" if skip_current_image else base64.b64encode(current.preview).decode()
    left_s = current.painted_for_s * (1.0 / fraction - 1.0) if current.fraction else 0.0
    return ProgressObject(progress=fraction, eta_relative=left_s, state=state, current_image=image or None)


@router.post("/sdapi/v1/interrupt", dependencies=[Depends(may_stop_own)])
async def sd_interrupt(request: Request, record: RecordDep) -> dict[str, Any]:
    """End what is being painted for the caller; its client gets the pictures that are finished."""
    for submitted in _current(request, record):
        submitted.interrupt()
    return {}


@router.post("/sdapi/v1/skip", dependencies=[Depends(may_stop_own)])
async def sd_skip(request: Request, record: RecordDep) -> None:
    """End the picture that is being painted for the caller, and go on with the next one."""
    for submitted in _current(request, record):
        submitted.skip()


def _current(request: Request, record: RequestRecord) -> list[SubmittedPainting]:
    """The caller's requests that are being painted, or else the one that is next."""
    own = _own_requests(request, record)
    return [submitted for submitted in own if submitted.is_painting] or own[:1]


def _own_requests(request: Request, record: RequestRecord) -> list[SubmittedPainting]:
    """The caller's unfinished requests of this API, oldest first."""
    entries = [entry for entry in registry_of(request).visible(record) if not entry.ended and entry.user == record.user]
    return [entry.submitted for entry in entries if isinstance(entry.submitted, SubmittedPainting)]
