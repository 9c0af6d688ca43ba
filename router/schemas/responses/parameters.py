"""Smaller parts of the body of a request for a response: the form of its text, and how much is thought."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from router.schemas.base import RequestModel
from router.schemas.errors import ApiError
from router.schemas.text.reasoning import effort_named
from shared.wire.jobs import Constraint, ConstraintKind, ReasoningEffort

FORMAT_FIELD = "text.format"


class TextFormat(RequestModel):
    """``text``, ``json_object`` or ``json_schema``. The answer satisfies a schema whether or not it is ``strict``."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = Field(None, max_length=64)
    description: str | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")
    strict: bool | None = None

    def to_constraint(self) -> Constraint | None:
        """The constraint on the answer's text; None for plain text.

        Raises:
            ApiError: 400, the schema is missing.
        """
        if self.type == "text":
            return None
        if self.type == "json_object":
            return Constraint(ConstraintKind.JSON_OBJECT, field=FORMAT_FIELD)
        if self.schema_ is None:
            field = f"{FORMAT_FIELD}.schema"
            raise ApiError(400, f"{field} is required for type json_schema", field)
        return Constraint(ConstraintKind.JSON_SCHEMA, self.schema_, FORMAT_FIELD)


class TextParameters(RequestModel):
    """The form of the answer's text."""

    format: TextFormat = TextFormat(type="text")
    verbosity: Literal["low", "medium", "high"] = Field("medium", description="Accepted; it has no effect.")


class ReasoningParameters(RequestModel):
    """How much to think, and whether to answer the thought as a summary too."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    summary: Literal["auto", "concise", "detailed", "none"] | None = Field(
        None, description="Anything but none: the whole thought is also answered as a summary."
    )
    generate_summary: Literal["auto", "concise", "detailed", "none"] | None = Field(
        None, description="OpenAI's older name for summary."
    )

    @property
    def wants_summary(self) -> bool:
        """Whether the thought is to be answered as a summary too."""
        return (self.summary or self.generate_summary or "none") != "none"

    def wanted_effort(self) -> ReasoningEffort | None:
        """How much to think; None leaves it to the model's options."""
        return None if self.effort is None else effort_named(self.effort)
