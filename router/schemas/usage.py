"""The response of ``/v1/usage``."""

from __future__ import annotations

import datetime
from typing import Literal

from pydantic import BaseModel, Field


class UsageObject(BaseModel):
    """The usage of one named key, or of all requests without one."""

    object: Literal["usage"] = "usage"
    key: str | None = Field(description="The key's name; null for all requests without a named key.")
    day: datetime.date | None = Field(description="The day in UTC, if `by` is `day`.")
    model: str | None = Field(description="The model, if `by` is `model`.")
    requests: int = Field(description="Accepted requests, however they ended.")
    prompt_tokens: int
    cached_tokens: int = Field(description="Prompt tokens that the KV cache already held.")
    completion_tokens: int
    images: int = Field(description="Pictures generated.")
    audio_s: float = Field(description="Length of the recordings in seconds.")


class UsageList(BaseModel):
    """The sums that the caller may see, by key."""

    object: Literal["list"] = "list"
    data: list[UsageObject]
