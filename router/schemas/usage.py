"""The answer of ``/v1/usage``."""

from __future__ import annotations

import datetime
from typing import Literal

from pydantic import BaseModel, Field


class UsageObject(BaseModel):
    """What one key has used, or all requests without a key of their own."""

    object: Literal["usage"] = "usage"
    key: str | None = Field(description="The key's name; null stands for all requests without a key of their own.")
    day: datetime.date | None = Field(description="Where `by` is `day`: that day, in UTC.")
    model: str | None = Field(description="Where `by` is `model`: that model.")
    requests: int = Field(description="Requests that were accepted, however they ended.")
    prompt_tokens: int
    cached_tokens: int = Field(description="Those of the prompt tokens that the KV cache already held.")
    completion_tokens: int
    images: int = Field(description="Pictures painted.")
    audio_s: float = Field(description="Length of the recordings, in seconds.")


class UsageList(BaseModel):
    """The sums that one may see, by key."""

    object: Literal["list"] = "list"
    data: list[UsageObject]
