"""The response of ``/v1/server/curves``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class LoadCurves(BaseModel):
    """The load of all models, or of one: a value for each time in ``at``, null where there is none."""

    tokens_per_s: list[float] = Field(description="Tokens generated.")
    prompt_tokens_per_s: list[float] = Field(description="Prompt tokens computed: without those that a cache held.")
    running: list[int]
    waiting: list[int]
    ttft_p50_s: list[float | None] = Field(description="Time to the first token, median of the interval.")
    ttft_p95_s: list[float | None]
    itl_p50_s: list[float | None] = Field(description="Time between tokens: the median of the jobs' means.")
    itl_p95_s: list[float | None]


class GpuCurves(BaseModel):
    """One GPU that the server may use."""

    index: int
    name: str
    total_bytes: int
    used_bytes: list[int | None]
    busy_ratio: list[float | None]


class MachineCurves(BaseModel):
    """The machine: CPU use from 0 to 1, memory, GPUs."""

    cpu_ratio: list[float | None]
    memory_total_bytes: int | None
    memory_used_bytes: list[int | None]
    gpus: list[GpuCurves]


class EventObject(BaseModel):
    """A worker's change of state."""

    at: float = Field(description="Seconds since the epoch.")
    worker: str
    model: str
    state: str
    before: str | None = Field(description="The state that it had; null when the router saw it first.")
    lasted_s: float | None = Field(description="How long it had that state.")
    detail: str = Field(description="Why its process has ended.")


class CurvesObject(BaseModel):
    """The load of the last 15 minutes, or since a time, in columns."""

    object: Literal["server.curves"] = "server.curves"
    interval_s: float
    keep_s: float
    at: list[float] = Field(description="Ends of the intervals, in seconds since the epoch.")
    total: LoadCurves
    models: dict[str, LoadCurves]
    machine: MachineCurves
    events: list[EventObject] = Field(description="Changes of workers up to the last of the times.")
