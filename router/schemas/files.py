"""OpenAI's file objects, and the fields of an upload."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
BATCH: Purpose = "batch"
BATCH_OUTPUT = "batch_output"
"""The purpose of what batches write; uploads cannot have it."""

MIN_KEEP_S = 3600
MAX_KEEP_S = 30 * 24 * 3600
"""OpenAI's bounds of ``expires_after``."""


class UploadFields(BaseModel):
    """The fields of an upload beside the file."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    purpose: Purpose = Field(description="What the file is for; only those for `batch` are read by the server.")
    expires_anchor: Literal["created_at"] | None = Field(None, alias="expires_after[anchor]")
    expires_seconds: int | None = Field(
        None,
        alias="expires_after[seconds]",
        ge=MIN_KEEP_S,
        le=MAX_KEEP_S,
        description="How long the file is kept, at most --files-keep-s.",
    )


class FileObject(BaseModel):
    """A stored file. Times are seconds since the epoch."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    purpose: str
    status: Literal["processed"] = "processed"
    status_details: None = None


class FileList(BaseModel):
    """A part of the files; ``last_id`` as ``after`` gives the next one."""

    object: Literal["list"] = "list"
    data: list[FileObject]
    first_id: str | None
    last_id: str | None
    has_more: bool


class DeletedFile(BaseModel):
    """A file that is no longer there."""

    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True
