"""Bodies and responses about models that are fetched and kept on this machine."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, Field

from router.schemas.base import RequestModel


class PullState(StrEnum):
    """How a fetching is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


class PullRequest(RequestModel):
    """A model to fetch."""

    model: str = Field(
        max_length=500,
        description="A name of `nexa list`, `hf.co/owner/repo[:QUANT]` or `hf:owner/repo[:file-pattern]`.",
    )


class PulledFile(BaseModel):
    """One file that is fetched."""

    path: str
    done_bytes: int
    total_bytes: int


class PullObject(BaseModel):
    """A fetching, running or ended."""

    object: Literal["pull"] = "pull"
    id: str
    model: str
    state: PullState
    started: float = Field(description="Seconds since the epoch.")
    ended: float | None
    done_bytes: int = Field(description="Of the files that have begun.")
    total_bytes: int
    files: list[PulledFile]
    error: str
    serve: str | None = Field(description="The command that serves the model, when it is here and not served.")


class PullList(BaseModel):
    """Fetchings, oldest first."""

    object: Literal["list"] = "list"
    data: list[PullObject]


class StoredModelObject(BaseModel):
    """A model that is kept on this machine."""

    object: Literal["stored_model"] = "stored_model"
    id: str
    source: str
    licence: str
    size_bytes: int
    served_as: str | None = Field(description="The name under which it is served; null if it is not.")


class StoredModelList(BaseModel):
    """The models of the store, by name."""

    object: Literal["list"] = "list"
    data: list[StoredModelObject]


class DeletedModel(BaseModel):
    """A model that is no longer kept."""

    id: str
    object: Literal["model"] = "model"
    deleted: Literal[True] = True
