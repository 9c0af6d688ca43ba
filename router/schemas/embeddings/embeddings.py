"""The body of ``POST /v1/embeddings``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SkipValidation, field_validator

from router.schemas.base import RequestModel
from router.schemas.embeddings.truncation import TruncateField
from router.schemas.scheduling import SchedulingFields
from router.schemas.text.completions import are_token_ids, as_token_ids
from shared.wire.jobs import EmbedJob, Truncation

MAX_INPUTS = 2048
"""Of one request, as with OpenAI."""

MAX_DIMENSIONS = 65_536

_INPUTS = "a string, or a non-empty list of strings, of token ids or of lists of token ids"


class EmbeddingsRequest(RequestModel, SchedulingFields):
    """One or more inputs to turn into vectors."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"input": ["A cat sleeps.", "A dog barks."]}]})

    model: str | None = Field(None, max_length=256, description="The first served model of this kind if absent.")
    # Checked below: Pydantic would try all four types, and describe an error for each token.
    input: Annotated[str | list[str] | list[int] | list[list[int]], SkipValidation] = Field(
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
        if isinstance(given, str):
            return given
        if not isinstance(given, list) or not given:
            raise ValueError(f"expected {_INPUTS}")
        given = as_token_ids(given)
        if are_token_ids(given):
            return given
        if len(given) > MAX_INPUTS:
            raise ValueError(f"expected at most {MAX_INPUTS} inputs, got {len(given)}")
        if all(isinstance(one, str) for one in given):
            return given
        given = [as_token_ids(one) if isinstance(one, list) else one for one in given]
        if all(isinstance(one, list) and one and are_token_ids(one) for one in given):
            return given
        raise ValueError(f"expected {_INPUTS} (integers from 0)")

    @property
    def inputs(self) -> list[str | list[int]]:
        """The inputs as a list, each a text or token ids."""
        if isinstance(self.input, str):
            return [self.input]
        if isinstance(self.input[0], int):
            return [self.input]
        return list(self.input)

    def to_job(self) -> EmbedJob:
        """The job for a worker."""
        return EmbedJob(self.inputs, self.dimensions, self.truncate)
