"""The responses of ``/v1/jobs``."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, Field

from shared.kinds import JobKind


class EntryState(StrEnum):
    """The state of all choices of a request together. It is queued until one of them has begun."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobObject(BaseModel):
    """A running request, or one with a resumable stream that is still kept."""

    id: str = Field(description="The answer's id; a stream has it in its header `X-Job-Id`.")
    object: Literal["job"] = "job"
    request_id: str = Field(description="The header `X-Request-ID`.")
    user: str = Field(description="The API key's name, or the client's address.")
    model: str
    kind: JobKind
    state: EntryState
    created: int = Field(description="Unix time in seconds.")
    choices: int = Field(description="Answers generated at the same time.")
    tokens: int = Field(description="Tokens generated so far, over all choices.")
    step: int | None = Field(description="Denoising steps done, over all pictures; null before the first one.")
    steps: int | None = Field(description="Denoising steps of all pictures.")
    seconds_left: float | None = Field(
        description="Estimated seconds until the last picture is finished, without those that others wait for before."
    )
    position: int | None = Field(description="Estimated place in the queue; 1 is next.")
    resumable: bool
    connected: bool = Field(description="Whether a client is waiting for the answer or reading it.")
    last_event_id: int | None = Field(description="The newest event of a resumable stream; 0 before the first one.")


class JobList(BaseModel):
    """All jobs that the caller may see, oldest first."""

    object: Literal["list"] = "list"
    data: list[JobObject]
