"""The body of ``POST /v1/completions``."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, SkipValidation, field_validator

from router.schemas.base import agreed
from router.schemas.errors import ApiError
from router.schemas.text.generation import GenerationRequest, TokenLimit
from router.schemas.text.prompts import TextsOrIds, checked_texts, separate_texts
from shared.wire.jobs import TextJob

MAX_PROMPTS = 256
MAX_ALTERNATIVES = 20


class CompletionRequest(GenerationRequest):
    """One or more prompts to continue, without a chat template."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "prompt": "Tell me a story",
                    "temperature": 1,
                    "max_new_tokens": 128,
                    "top_k": 50,
                    "top_p": 1,
                    "stop_words": ["string"],
                }
            ]
        }
    )
    default_max_tokens: ClassVar[int | None] = 128
    min_max_tokens: ClassVar[int] = 0

    prompt: Annotated[TextsOrIds, SkipValidation]
    max_tokens: TokenLimit | None = Field(None, description="128 if absent; -1: no limit; 0 only with echo.")
    best_of: int | None = Field(None, ge=1, description="Must equal n.")
    logprobs: int | None = Field(None, ge=0, le=MAX_ALTERNATIVES, description="Alternatives per token.")
    n_probs: int | None = Field(
        None, ge=0, le=MAX_ALTERNATIVES, description="llama.cpp's name for logprobs, where 0 is off."
    )
    echo: bool = Field(False, description="Begin the answer with the prompt.")
    parse_special: bool = Field(True, description="Whether the text of a special token is that token.")
    suffix: str | None = Field(
        None,
        description="The answer belongs between the prompt and this. Needs a model for code.",
    )

    @field_validator("prompt", mode="before")
    @classmethod
    def _known_prompt(cls, given: Any) -> Any:
        return checked_texts(given, MAX_PROMPTS, "prompts")

    @property
    def prompts(self) -> list[str | list[int]]:
        """The prompts as a list, each a text or token ids."""
        return separate_texts(self.prompt)

    def alternatives(self) -> int | None:
        """The number of alternatives per token in the log probabilities; ``None`` for no log probabilities.

        Raises:
            ApiError: 400, the two names have different values.
        """
        return agreed({"logprobs": self.logprobs, "n_probs": self.n_probs or None})

    def to_jobs(self) -> list[TextJob]:
        """One job per choice: the ``n`` choices of the first prompt, then those of the second, and so on.

        Raises:
            ApiError: 400, two parameters contradict each other or one is not supported.
        """
        if self.suffix and self.echo:
            raise ApiError(400, "echo: expected false where there is a suffix, got true", "echo")
        if self.best_of not in (None, self.n):
            raise ApiError(400, f"best_of: expected {self.n}, the value of n, got {self.best_of}", "best_of")
        limit = self.token_limit()
        if limit == 0 and not self.echo:
            raise ApiError(400, "max_tokens: expected at least 1 (0 only with echo), got 0", "max_tokens")
        constraint, stops, top_logprobs = self.constraint(), self.stops(), self.alternatives()
        # Around a gap is mostly code, in which the text of a special token is text.
        parse_special = self.parse_special and (not self.suffix or "parse_special" in self.model_fields_set)
        prompts = [prompt for prompt in self.prompts for _ in range(self.n)]
        return [
            TextJob(
                prompt=prompt if isinstance(prompt, str) else None,
                prompt_tokens=None if isinstance(prompt, str) else prompt,
                constraint=constraint,
                sampling=sampling,
                max_tokens=limit,
                stop=stops,
                top_logprobs=top_logprobs,
                echo=self.echo,
                ignore_eos=self.ignore_eos,
                parse_special=parse_special,
                suffix=self.suffix or None,
                adapters=self.adapters(),
            )
            for prompt, sampling in zip(prompts, self.samplings(len(self.prompts)), strict=True)
        ]
