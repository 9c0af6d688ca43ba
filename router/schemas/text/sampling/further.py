"""llama.cpp's further samplers, by the names that its clients send."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field, field_validator

from router.schemas.shown import shown
from shared.wire.jobs import DRY_SEQUENCE_BREAKERS, DRY_TOKENS, MAX_PENALTY_TOKENS, REPEAT_PENALTY_TOKENS

MAX_BREAKERS = 16
MAX_BREAKER_BYTES = 40
"""llama.cpp's limit."""


class FurtherSamplingFields(BaseModel):
    """How to sample, beyond temperature, top-k, top-p and min-p. Each is off by default."""

    repeat_last_n: int = Field(
        REPEAT_PENALTY_TOKENS,
        ge=-1,
        le=MAX_PENALTY_TOKENS,
        description="Last tokens of the answer that repeat_penalty counts; 0: off, -1: all.",
    )
    typical_p: float = Field(1.0, ge=0, le=1, description="Locally typical sampling; 1: off.")
    top_n_sigma: float = Field(
        0.0, ge=-1, le=100, description="Keep logits within so many standard deviations of the largest; 0 or less: off."
    )
    xtc_probability: float = Field(
        0.0, ge=0, le=1, description="How often likely tokens are excluded, but the least likely of them; 0: off."
    )
    xtc_threshold: float = Field(0.1, ge=0, le=1, description="From which probability on; above 0.5: off.")
    dynatemp_range: float = Field(
        0.0, ge=0, le=5, description="How far the temperature follows the entropy, up and down; 0: off."
    )
    dynatemp_exponent: float = Field(1.0, ge=0.01, le=100, description="How the entropy gives the temperature.")
    dry_multiplier: float = Field(
        0.0, ge=0, le=100, description="Penalty of tokens that continue a repetition (DRY); 0: off."
    )
    dry_base: float = Field(1.75, ge=1, le=100, description="Factor for each token of the repetition beyond the limit.")
    dry_allowed_length: int = Field(2, ge=1, le=MAX_PENALTY_TOKENS, description="Repeated tokens without a penalty.")
    dry_penalty_last_n: int = Field(
        DRY_TOKENS,
        ge=-1,
        le=MAX_PENALTY_TOKENS,
        description="Last tokens, of the prompt too, that are looked through; 0: off, -1: all.",
    )
    dry_sequence_breakers: list[Annotated[str, Field(min_length=1)]] = Field(
        list(DRY_SEQUENCE_BREAKERS), max_length=MAX_BREAKERS, description="Texts that no repetition crosses."
    )
    mirostat: int = Field(0, ge=0, le=2, description="Mirostat's version, instead of the filters; 0: off.")
    mirostat_tau: float = Field(5.0, ge=0, le=100, description="The surprise that it aims at, in bits.")
    mirostat_eta: float = Field(0.1, ge=0, le=10, description="How fast it learns.")

    @field_validator("dry_sequence_breakers")
    @classmethod
    def _short_breakers(cls, given: list[str]) -> list[str]:
        for text in given:
            if len(text.encode("utf-8", "replace")) > MAX_BREAKER_BYTES:
                raise ValueError(f"expected at most {MAX_BREAKER_BYTES} bytes each, got {shown(text)}")
        return given

    def further_sampling(self) -> dict[str, Any]:
        """The values, by their names in :class:`~shared.wire.jobs.Sampling`."""
        fields = {name: getattr(self, name) for name in FurtherSamplingFields.model_fields}
        return {**fields, "dry_sequence_breakers": tuple(self.dry_sequence_breakers)}
