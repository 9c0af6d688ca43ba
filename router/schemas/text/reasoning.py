"""What a chat's request says of the model's thoughts, in the words of OpenAI's, llama.cpp's and vLLM's clients."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator

from router.schemas.base import agreed
from router.schemas.shown import shown
from router.schemas.text.generation import MAX_TOKENS
from shared.wire.jobs import ReasoningEffort, ReasoningFormat

NO_BUDGET = -1
"""A thought as long as the model wants, in the words of llama.cpp's clients."""

_FORMATS = {
    "auto": ReasoningFormat.AUTO,
    "deepseek": ReasoningFormat.AUTO,
    "none": ReasoningFormat.NONE,
}


def effort_named(word: str) -> ReasoningEffort:
    """How much to think, in the words of any API. There is nothing above ``xhigh``: ``max`` is the same."""
    return ReasoningEffort.XHIGH if word == "max" else ReasoningEffort(word)


class ReasoningFields(BaseModel):
    """Whether and how much a model thinks, and where its thoughts go."""

    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = Field(
        None, description="How much to think. Which of these a model tells apart is up to its chat template."
    )
    enable_thinking: bool | None = Field(None, description="The same as in chat_template_kwargs.")
    thinking_budget_tokens: int | None = Field(
        None, ge=NO_BUDGET, le=MAX_TOKENS, description="Longest thought in tokens; -1: no limit."
    )
    reasoning_budget_tokens: int | None = Field(
        None, ge=NO_BUDGET, le=MAX_TOKENS, description="llama.cpp's other name for thinking_budget_tokens."
    )
    thinking_token_budget: int | None = Field(
        None, ge=NO_BUDGET, le=MAX_TOKENS, description="vLLM's name for thinking_budget_tokens."
    )
    reasoning_format: Literal["auto", "deepseek", "none"] | None = Field(
        None, description="none leaves thoughts in the text; deepseek is llama.cpp's name for auto."
    )

    @field_validator("reasoning_format", mode="before")
    @classmethod
    def _known_format(cls, given: Any) -> Any:
        if not isinstance(given, str) or given not in _FORMATS:
            raise ValueError(f"expected 'auto' (or 'deepseek', which is the same) or 'none', got {shown(given)}")
        return given

    def wanted_effort(self) -> ReasoningEffort | None:
        """How much to think; ``None`` leaves it to the model's options."""
        return None if self.reasoning_effort is None else effort_named(self.reasoning_effort)

    def wanted_format(self) -> ReasoningFormat | None:
        """Where thoughts go; ``None`` leaves it to the model's options."""
        return None if self.reasoning_format is None else _FORMATS[self.reasoning_format]

    def thinking_budget(self) -> int | None:
        """The longest thought in tokens, -1 for no limit; ``None`` leaves it to the model's options.

        Raises:
            ApiError: 400, two names have different values.
        """
        return agreed(
            {
                "thinking_budget_tokens": self.thinking_budget_tokens,
                "reasoning_budget_tokens": self.reasoning_budget_tokens,
                "thinking_token_budget": self.thinking_token_budget,
            }
        )

    def with_thinking(self, template_options: dict[str, Any]) -> dict[str, Any]:
        """The template's variables, with ``enable_thinking`` if the request has it at its top level.

        Raises:
            ApiError: 400, the variables have another value of it.
        """
        within = template_options.get("enable_thinking")
        enabled = agreed({"chat_template_kwargs.enable_thinking": within, "enable_thinking": self.enable_thinking})
        return template_options if enabled is None else {**template_options, "enable_thinking": enabled}
