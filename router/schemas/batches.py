"""OpenAI's batch objects, and the body that makes one."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_validator

from router.schemas.base import RequestModel
from router.schemas.files import MAX_KEEP_S, MIN_KEEP_S
from router.schemas.shown import shown

MAX_WINDOW_HOURS = 30 * 24
MAX_METADATA = 16
MAX_METADATA_NAME_CHARS = 64
MAX_METADATA_VALUE_CHARS = 512
HOUR_S = 3600

BATCH_ENDPOINTS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses")
"""The endpoints whose requests may be lines of a batch, if the server has them."""

_WINDOW = re.compile(r"[1-9][0-9]{0,2}h")


class OutputExpiry(RequestModel):
    """How long the output files of a batch are kept."""

    anchor: Literal["created_at"] = "created_at"
    seconds: int = Field(ge=MIN_KEEP_S, le=MAX_KEEP_S)


class BatchRequest(RequestModel):
    """What makes a batch."""

    input_file_id: str = Field(max_length=64, description="A file with the purpose `batch`.")
    endpoint: str = Field(max_length=64, description="The endpoint of all lines.")
    completion_window: str = Field(
        max_length=16, description=f"How long the batch may take, in hours: `24h`, up to `{MAX_WINDOW_HOURS}h`."
    )
    metadata: dict[str, str] | None = Field(
        None, description=f"Up to {MAX_METADATA} texts by name, for the client's own use."
    )
    output_expires_after: OutputExpiry | None = Field(
        None, description="How long the output files are kept, at most --files-keep-s."
    )

    @field_validator("completion_window")
    @classmethod
    def _whole_hours(cls, given: str) -> str:
        if not _WINDOW.fullmatch(given) or int(given[:-1]) > MAX_WINDOW_HOURS:
            raise ValueError(f"expected hours such as 24h, up to {MAX_WINDOW_HOURS}h")
        return given

    @field_validator("metadata", mode="before")
    @classmethod
    def _small_metadata(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        if len(given) > MAX_METADATA:
            raise ValueError(f"expected at most {MAX_METADATA} texts, got {len(given)}")
        for name, value in given.items():
            if len(name) > MAX_METADATA_NAME_CHARS:
                raise ValueError(f"expected names of at most {MAX_METADATA_NAME_CHARS} characters, got {shown(name)}")
            if isinstance(value, str) and len(value) > MAX_METADATA_VALUE_CHARS:
                raise ValueError(f"expected texts of at most {MAX_METADATA_VALUE_CHARS} characters, got {shown(value)}")
        return given

    @property
    def window_s(self) -> int:
        """How long the batch may take."""
        return int(self.completion_window[:-1]) * HOUR_S


class BatchError(BaseModel):
    """What is wrong with the input, or why the batch was stopped."""

    code: str
    message: str
    param: str | None
    line: int | None


class BatchErrors(BaseModel):
    """All of that."""

    object: Literal["list"] = "list"
    data: list[BatchError]


class RequestCounts(BaseModel):
    """Lines in all, with an answer, and with an error or without an answer at the end."""

    total: int
    completed: int
    failed: int


Time = Annotated[int | None, Field(description="Seconds since the epoch.")]


class BatchObject(BaseModel):
    """A batch."""

    id: str
    object: Literal["batch"] = "batch"
    endpoint: str
    errors: BatchErrors | None
    input_file_id: str
    completion_window: str
    status: Literal[
        "validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"
    ]
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: Time
    expires_at: int
    finalizing_at: Time
    completed_at: Time
    failed_at: Time
    expired_at: Time
    cancelling_at: Time
    cancelled_at: Time
    request_counts: RequestCounts
    metadata: dict[str, str] | None


class BatchList(BaseModel):
    """A part of the batches; ``last_id`` as ``after`` gives the next one."""

    object: Literal["list"] = "list"
    data: list[BatchObject]
    first_id: str | None
    last_id: str | None
    has_more: bool
