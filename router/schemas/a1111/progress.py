"""The answer of ``GET /sdapi/v1/progress``."""

from __future__ import annotations

from pydantic import BaseModel, Field


class ProgressState(BaseModel):
    """What is being done. ``job_count`` is the number of pictures, 0 if there is nothing to do."""

    skipped: bool = False
    interrupted: bool = False
    stopping_generation: bool = False
    job: str = ""
    job_count: int = 0
    job_timestamp: str = "0"
    job_no: int = 0
    sampling_step: int = 0
    sampling_steps: int = 0


class ProgressObject(BaseModel):
    """How far a request is."""

    progress: float = Field(0.0, description="0 to 1, over all of its pictures.")
    eta_relative: float = Field(0.0, description="Seconds left, as far as they can be told.")
    state: ProgressState
    current_image: str | None = Field(None, description="The unfinished picture as base64, if there is one.")
    textinfo: str | None = None
