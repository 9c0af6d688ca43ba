"""``thinking`` and ``output_config``: how much a model thinks, and the form of its answer."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from router.schemas.base import RequestModel
from router.schemas.text.generation import MAX_TOKENS
from router.schemas.text.reasoning import effort_named
from shared.wire.jobs import Constraint, ConstraintKind, ReasoningEffort

_SWITCHED_ON = {"enable_thinking": True}
"""Variables of a chat template."""


class Thinking(RequestModel):
    """Whether the model thinks before it answers, and whether it shows what."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: int | None = Field(None, ge=0, le=MAX_TOKENS, description="Longest thought in tokens.")
    display: str | None = Field(
        None,
        max_length=64,
        description="omitted: the thought is not shown; its signature carries it. With any other word it is shown.",
    )


class OutputFormat(RequestModel):
    """The form of the answer's text."""

    type: Literal["json_schema"]
    schema_: dict[str, Any] = Field(alias="schema")

    def constraint(self, field: str) -> Constraint:
        """The constraint on the answer; ``field`` is where the request has it."""
        return Constraint(ConstraintKind.JSON_SCHEMA, self.schema_, f"{field}.schema")


class OutputConfig(RequestModel):
    """How much effort the answer is worth, and its form."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: OutputFormat | None = None


def thinks(thinking: Thinking | None) -> bool:
    """Whether the model may think. Without being asked to it does not, as clients do not expect thoughts then."""
    return thinking is not None and thinking.type != "disabled" and thinking.budget_tokens != 0


def effort_of(thinking: Thinking | None, config: OutputConfig | None) -> ReasoningEffort | None:
    """How much to think; None leaves it to the model."""
    if not thinks(thinking):
        return ReasoningEffort.NONE
    return None if config is None or config.effort is None else effort_named(config.effort)


def template_options(thinking: Thinking | None) -> dict[str, Any]:
    """What the chat template is told."""
    return dict(_SWITCHED_ON) if thinks(thinking) else {}
