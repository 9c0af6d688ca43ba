"""Bodies of the endpoints that show and manage models."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from router.schemas.base import RequestModel, agreed
from router.schemas.errors import ApiError

MAX_NAME_CHARS = 256


class _NamesModel(RequestModel):
    model: str | None = Field(None, max_length=MAX_NAME_CHARS)
    name: str | None = Field(None, max_length=MAX_NAME_CHARS, description="The older name for model.")

    def wanted(self) -> str:
        """The model's name.

        Raises:
            ApiError: 400, there is none, or two different ones.
        """
        given = agreed({"model": self.model or None, "name": self.name or None})
        if given is None:
            raise ApiError(400, "model is required", "model")
        return given


class OllamaShowRequest(_NamesModel):
    """The model to show; ``verbose`` shows its tensors too."""

    verbose: bool = False
    system: str | None = None
    template: str | None = None
    options: dict[str, Any] = {}


class OllamaPullRequest(_NamesModel):
    """The model to fetch into the store: a name of ``nexa list``, ``hf.co/owner/repo[:QUANT]`` or ``hf:owner/repo``."""

    stream: bool = True
    insecure: bool = Field(False, description="Has no effect: HF_ENDPOINT says where the hub is.")


class OllamaDeleteRequest(_NamesModel):
    """The copy or the fetched model to delete."""


class OllamaCopyRequest(RequestModel):
    """A further name for a served model."""

    source: str = Field(min_length=1, max_length=MAX_NAME_CHARS)
    destination: str = Field(min_length=1, max_length=MAX_NAME_CHARS)
