"""The body of ``POST /v1/embeddings``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SkipValidation, field_validator

from router.schemas.base import RequestModel
from router.schemas.embeddings.truncation import TruncateField
from router.schemas.scheduling import SchedulingFields
from router.schemas.text.prompts import TextsOrIds, checked_texts, separate_texts
from shared.wire.jobs import EmbedJob, Truncation

MAX_INPUTS = 2048
"""Of one request, as with OpenAI."""

MAX_DIMENSIONS = 65_536


class EmbeddingsRequest(RequestModel, SchedulingFields):
    """One or more inputs to turn into vectors."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"input": ["A cat sleeps.", "A dog barks."]}]})

    model: str | None = Field(None, max_length=256, description="The first served model of this kind if absent.")
    input: Annotated[TextsOrIds, SkipValidation] = Field(
        description=f"Texts or lists of token ids, up to {MAX_INPUTS}. Token ids get no special tokens added."
    )
    encoding_format: Literal["float", "base64"] = Field(
        "float", description="base64: the bytes of float32 numbers, little-endian."
    )
    dimensions: int | None = Field(
        None, ge=1, le=MAX_DIMENSIONS, description="Cut the vectors to this length; they are unit vectors again then."
    )
    truncate: TruncateField = Truncation.NONE
    user: str | None = None

    @field_validator("input", mode="before")
    @classmethod
    def _known_input(cls, given: Any) -> Any:
        return checked_texts(given, MAX_INPUTS, "inputs")

    @property
    def inputs(self) -> list[str | list[int]]:
        """The inputs as a list, each a text or token ids."""
        return separate_texts(self.input)

    def to_job(self) -> EmbedJob:
        """The job for a worker."""
        return EmbedJob(self.inputs, self.dimensions, self.truncate)
