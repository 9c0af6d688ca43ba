"""``options``: how to sample and how much to generate, in the words of Ollama's clients."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from pydantic import ConfigDict, Field, field_validator

from router.schemas.base import RequestModel
from router.schemas.shown import shown
from router.schemas.text.generation import MAX_TOKENS
from router.schemas.text.sampling.seeds import settled_seed
from router.schemas.text.stops import checked_stops
from shared.wire.jobs import MAX_PENALTY_TOKENS, Sampling

DEFAULT_SAMPLING = Sampling(temperature=0.8, top_k=40, top_p=0.9)
"""Ollama's defaults, where neither the request nor the model's file has others."""

FIXED_AT_START = (
    "num_batch",
    "num_gpu",
    "main_gpu",
    "num_thread",
    "use_mmap",
    "use_mlock",
    "numa",
    "low_vram",
    "f16_kv",
    "logits_all",
    "vocab_only",
    "embedding_only",
    "draft_num_predict",
)
"""Options of a model's loading: here they are options of the server."""

_NEUTRAL: dict[str, tuple[float, ...]] = {
    "tfs_z": (0, 1),
    "penalize_newline": (True,),
}
"""Options of samplers that there are not, and the values that need none."""


class OllamaOptions(RequestModel):
    """What a request may say of sampling. Names that Ollama does not have are noted, as its server logs them."""

    model_config = ConfigDict(extra="allow")

    num_predict: int | None = Field(None, description="Most tokens to generate; 0 or less: no limit.")
    num_ctx: int | None = Field(None, description="Noted if it is more than the server's context.")
    num_keep: int | None = Field(None, description="Has no effect: the context is never shifted.")
    seed: int | None = Field(None, ge=-(2**63), le=2**63 - 1, description="A random one if negative.")
    stop: str | list[str] | None = None
    temperature: float | None = Field(None, ge=0, le=5, description="0: greedy.")
    top_k: int | None = Field(None, le=MAX_TOKENS, description="0 or less: off.")
    top_p: float | None = Field(None, description="1 or more: off.")
    min_p: float | None = Field(None, description="0 or less: off.")
    repeat_penalty: float | None = Field(None, ge=0.01, le=10, description="1: off.")
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    repeat_last_n: int | None = Field(None, description="Last tokens for repeat_penalty; 0: off, -1: all.")
    typical_p: float | None = Field(None, description="1 or more, or 0 or less: off.")
    mirostat: int | None = Field(None, ge=0, le=2, description="0: off.")
    mirostat_tau: float | None = Field(None, ge=0, le=100)
    mirostat_eta: float | None = Field(None, ge=0, le=10)

    @field_validator("stop", mode="before")
    @classmethod
    def _stops_as_list(cls, given: Any) -> Any:
        return checked_stops(given)

    def token_limit(self) -> int | None:
        """The most tokens to generate; ``None`` is up to the end of the turn or of the context."""
        return min(self.num_predict, MAX_TOKENS) if self.num_predict is not None and self.num_predict > 0 else None

    def stops(self) -> list[str]:
        """The strings that end the answer."""
        return list(self.stop or [])

    def sampling(self, defaults: Sampling) -> Sampling:
        """How to sample, with ``defaults`` for what the request does not say."""
        given = {
            "temperature": self.temperature,
            "top_k": None if self.top_k is None else max(self.top_k, 0),
            "top_p": None if self.top_p is None else min(max(self.top_p, 0.0), 1.0),
            "min_p": None if self.min_p is None else min(max(self.min_p, 0.0), 1.0),
            "repeat_penalty": self.repeat_penalty,
            "presence_penalty": self.presence_penalty,
            "frequency_penalty": self.frequency_penalty,
            "repeat_last_n": None
            if self.repeat_last_n is None
            else min(max(self.repeat_last_n, -1), MAX_PENALTY_TOKENS),
            "typical_p": None if self.typical_p is None else (self.typical_p if 0.0 < self.typical_p < 1.0 else 1.0),
            "mirostat": self.mirostat,
            "mirostat_tau": self.mirostat_tau,
            "mirostat_eta": self.mirostat_eta,
        }
        seed = None if self.seed is None or self.seed < 0 else self.seed
        return replace(
            defaults, seed=settled_seed(seed), **{name: value for name, value in given.items() if value is not None}
        )

    def notes(self, context_tokens: int) -> list[str]:
        """What the options ask for and will not get. ``context_tokens`` is the server's context; 0 if unknown."""
        extra = self.model_extra or {}
        noted = []
        if self.num_ctx is not None and 0 < context_tokens < self.num_ctx:
            noted.append(f"options.num_ctx: expected at most {context_tokens}, the server's --nctx, got {self.num_ctx}")
        at_start = [name for name in FIXED_AT_START if name in extra]
        if at_start:
            noted.append(f"options.{', '.join(at_start)}: set when the server starts, not by requests")
        samplers = [name for name, neutral in _NEUTRAL.items() if name in extra and extra[name] not in neutral]
        noted += [f"options.{name}: has no effect here" for name in samplers]
        known = {*FIXED_AT_START, *_NEUTRAL}
        return noted + [f"options: {shown(name)} is unknown" for name in extra if name not in known]
