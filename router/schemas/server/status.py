"""The response of ``/v1/server``: what a page must know of this server to offer what it can do."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, Field

from router.jobs.residency.plan import UnloadCause
from router.jobs.workers.model_state import ModelState
from shared.kinds import JobKind


class Medium(StrEnum):
    """What models take and give."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VECTOR = "vector"
    SCORE = "score"


MEDIA: dict[JobKind, tuple[tuple[Medium, ...], tuple[Medium, ...]]] = {
    JobKind.TEXT: ((Medium.TEXT,), (Medium.TEXT,)),
    JobKind.IMAGE: ((Medium.TEXT, Medium.IMAGE), (Medium.IMAGE,)),
    JobKind.SPEECH: ((Medium.AUDIO,), (Medium.TEXT,)),
    JobKind.EMBEDDING: ((Medium.TEXT,), (Medium.VECTOR,)),
    JobKind.RERANK: ((Medium.TEXT,), (Medium.SCORE,)),
}
"""What the models of each kind take and give."""


class CallerObject(BaseModel):
    """Who asks, and what they may do."""

    key: str | None = Field(description="The name of the caller's key; null without a named key.")
    user: str = Field(description="The caller as `queues` names it: the key's name, or the address.")
    operator: bool = Field(description="Whether they may see all users' jobs and usage.")
    control: bool = Field(description="Whether they may control workers, models and keys from a page of this server.")


class ModelStatus(BaseModel):
    """A model, its state and its load."""

    id: str
    aliases: list[str]
    kinds: list[JobKind]
    inputs: list[Medium] = Field(description="What it takes; of a text model, what a chat may hold.")
    outputs: list[Medium] = Field(description="What it gives.")
    thinks: bool = Field(description="Whether it may think before it answers a chat; known once it is loaded.")
    state: ModelState
    progress: float | None = Field(description="Loaded share of a model that is loading, if its engine tells it.")
    detail: str = Field(description="Why it is not ready; of an unloaded model, why its last load failed.")
    load: Literal["start", "demand"] = Field(description="Whether it is always loaded, or when a request needs it.")
    pin: bool = Field(description="Whether it stays, once it is loaded.")
    devices: list[str] = Field(description="Where its workers are.")
    loaded_at: int | None = Field(description="Since when it is loaded, in seconds since the epoch.")
    memory_bytes: int | None = Field(description="The memory planned for a worker of it; null while it is not known.")
    measured_memory_bytes: int | None = Field(description="The memory that its workers hold, of all devices.")
    unload_reason: UnloadCause | None = Field(description="Why it was last unloaded, unless it is loaded.")
    unloads_in_s: float | None = Field(description="Time until it is unloaded if nobody uses it; null if it stays.")
    retry_in_s: float | None = Field(description="Its load has failed: time until it is tried again, if asked for.")
    context_length: int | None = Field(description="Context window in tokens, where it is known.")
    max_image_side: int | None = Field(
        description="Largest width of a square picture, in pixels; others may have as many."
    )
    translates: bool = Field(description="Whether it turns speech into English; known once it is loaded.")
    workers: int
    ready_workers: int
    slots: int = Field(description="Jobs that its ready workers run at once.")
    running: int = Field(description="Jobs that its workers run.")
    waiting: int = Field(description="Jobs that wait for it, in the router and in its workers.")
    tokens_per_s: float


class DeviceMemoryObject(BaseModel):
    """The memory of a device, as far as it is for models."""

    device: str
    budget_bytes: int = Field(description="What models may take together.")
    total_bytes: int
    planned_bytes: int = Field(description="What is planned for the workers that are there.")
    measured_bytes: int = Field(description="What they hold.")


class QueueShare(BaseModel):
    """The jobs of one user for one model."""

    model: str
    user: str
    waiting: int
    running: int


class ServerLimits(BaseModel):
    """Limits of requests; the caller's own, where keys have them."""

    max_upload_bytes: int
    max_body_bytes: int
    max_text_bytes: int
    max_timeout_s: float
    resume_timeout_s: float = Field(description="How long a resumable stream waits for its client.")
    resume_streams: int
    max_running: int | None = Field(description="The caller's requests that may run at a time; null for no limit.")
    max_queued: int = Field(description="The caller's requests that may wait for a model at a time.")
    tokens_per_day: int | None = Field(description="Tokens that the caller may use in a day (UTC); null for no limit.")
    tokens_left: int | None = Field(description="How many of them are left today; null for no limit.")
    tokens_reset_s: float | None = Field(description="Time until the next day; null for no limit.")


class ServerObject(BaseModel):
    """The server as a page needs it."""

    object: Literal["server"] = "server"
    version: str | None
    started: int = Field(description="Seconds since the epoch.")
    caller: CallerObject
    needs_key: bool = Field(description="Whether requests need a key.")
    https: bool = Field(description="Whether the request came by HTTPS, at least to a trusted proxy.")
    ca: bool = Field(description="Whether `/nexa-ca.crt` has the certificate of this machine's own authority.")
    models: list[ModelStatus]
    memory: list[DeviceMemoryObject]
    queues: list[QueueShare] = Field(description="Who has jobs now; others than the operator see their own only.")
    limits: ServerLimits
