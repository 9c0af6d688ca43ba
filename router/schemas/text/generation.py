"""The parameters of all text endpoints, in both vocabularies."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec.structs import replace
from pydantic import Field, field_validator

from router.schemas.base import RequestModel, agreed
from router.schemas.errors import ApiError
from router.schemas.scheduling import SchedulingFields
from router.schemas.shown import shown
from router.schemas.text.lora import LoraField
from router.schemas.text.response_format import ResponseFormat
from router.schemas.text.sampling.further import FurtherSamplingFields
from router.schemas.text.sampling.seeds import settled_seed
from router.schemas.text.stops import MAX_STOPS, checked_stops
from shared.wire.jobs import Constraint, ConstraintKind, Sampling

MAX_CHOICES = 16
MAX_LOGIT_BIASES = 4096
MAX_GRAMMAR_CHARS = 256 * 1024
MAX_TOKENS = 2**31 - 1

NO_LIMIT = -1
"""What llama.cpp's clients send as ``max_tokens`` for an answer up to the end of the context."""

TokenLimit = Annotated[int, Field(ge=NO_LIMIT, le=MAX_TOKENS)]
StopWords = Annotated[
    str | list[str], Field(description=f"A string, or up to {MAX_STOPS} of them. Empty ones are ignored.")
]


class StreamOptions(RequestModel):
    """``include_usage`` adds a last chunk with the token counts."""

    include_usage: bool = False


class GenerationRequest(RequestModel, SchedulingFields, LoraField, FurtherSamplingFields):
    """How to sample, how much to generate, and how to send it."""

    default_max_tokens: ClassVar[int | None] = None
    min_max_tokens: ClassVar[int] = 1

    model: str | None = Field(None, max_length=256, description="The first served model of this kind if absent.")
    n: int = Field(1, ge=1, le=MAX_CHOICES, description="Choices per prompt.")
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    user: str | None = None

    max_tokens: TokenLimit | None = Field(None, description="-1: no limit.")
    max_new_tokens: TokenLimit | None = Field(None, description="The native name for max_tokens.")
    max_completion_tokens: TokenLimit | None = Field(None, description="OpenAI's newer name for max_tokens.")
    n_predict: TokenLimit | None = Field(None, description="llama.cpp's name for max_tokens.")
    stop: StopWords | None = None
    stop_words: StopWords | None = Field(None, description="The native name for stop.")
    ignore_eos: bool = Field(False, description="Go on after the end-of-sequence token.")

    temperature: float = Field(1.0, ge=0, le=5, description="0: greedy.")
    top_k: int = Field(50, ge=-1, le=MAX_TOKENS, description="0 or -1: off.")
    top_p: float = Field(1.0, ge=0, le=1, description="1: off; 0 keeps one token.")
    min_p: float = Field(0.0, ge=0, le=1, description="0: off.")
    repeat_penalty: float | None = Field(None, ge=0.01, le=10, description="1 (the default): off.")
    repetition_penalty: float | None = Field(None, ge=0.01, le=10, description="Another name for repeat_penalty.")
    frequency_penalty: float = Field(0.0, ge=-2, le=2)
    presence_penalty: float = Field(0.0, ge=-2, le=2)
    seed: int | None = Field(None, ge=-(2**63), le=2**63 - 1, description="A random one if absent or -1.")
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] = Field({}, max_length=MAX_LOGIT_BIASES)

    response_format: ResponseFormat | None = None
    json_schema: dict[str, Any] | None = Field(
        None, description="llama.cpp's name for a response_format of type json_schema."
    )
    grammar: str | None = Field(
        None, min_length=1, max_length=MAX_GRAMMAR_CHARS, description="A grammar for the answer, in GBNF or Lark."
    )

    @field_validator("max_tokens", "max_new_tokens", "max_completion_tokens", "n_predict")
    @classmethod
    def _limit_or_none(cls, given: int | None) -> int | None:
        if given is not None and NO_LIMIT < given < cls.min_max_tokens:
            raise ValueError(f"expected at least {cls.min_max_tokens}, or {NO_LIMIT} for no limit")
        return given

    @field_validator("stop", "stop_words", mode="before")
    @classmethod
    def _stops_as_list(cls, given: Any) -> Any:
        return checked_stops(given)

    @field_validator("logit_bias", mode="before")
    @classmethod
    def _few_biases(cls, given: Any) -> Any:
        if isinstance(given, dict) and len(given) > MAX_LOGIT_BIASES:  # before each is checked
            raise ValueError(f"expected at most {MAX_LOGIT_BIASES} biases, got {len(given)}")
        return given

    @field_validator("logit_bias")
    @classmethod
    def _biases_by_token_id(cls, given: dict[str, float]) -> dict[str, float]:
        for token_id in given:
            if not (token_id.isascii() and token_id.isdigit() and len(token_id) <= 10 and int(token_id) <= MAX_TOKENS):
                raise ValueError(f"expected token ids as keys, got {shown(token_id)}")
        return given

    @property
    def notes(self) -> list[str]:
        """What the request asks for and will not get: nothing that this endpoint knows."""
        return []

    def samplings(self, prompts: int = 1) -> list[Sampling]:
        """How to sample each choice: those of the first prompt, then those of the second, and so on."""
        seeds = [settled_seed(self.seed, choice) for _ in range(prompts) for choice in range(self.n)]
        first = Sampling(
            temperature=self.temperature,
            top_k=max(self.top_k, 0),
            top_p=self.top_p,
            min_p=self.min_p,
            repeat_penalty=agreed(
                {"repeat_penalty": self.repeat_penalty, "repetition_penalty": self.repetition_penalty}
            )
            or 1.0,
            frequency_penalty=self.frequency_penalty,
            presence_penalty=self.presence_penalty,
            seed=seeds[0],
            logit_bias={int(token_id): bias for token_id, bias in self.logit_bias.items()},
            **self.further_sampling(),
        )
        return [first, *(replace(first, seed=seed) for seed in seeds[1:])]

    def token_limit(self) -> int | None:
        """The maximum number of tokens to generate; ``None`` is up to the end of the turn or of the context."""
        limit = agreed(
            {
                "max_tokens": self.max_tokens,
                "max_new_tokens": self.max_new_tokens,
                "max_completion_tokens": self.max_completion_tokens,
                "n_predict": self.n_predict,
            }
        )
        if limit is None:
            return self.default_max_tokens
        return None if limit == NO_LIMIT else limit

    def stops(self) -> list[str]:
        """The strings that end the answer."""
        stops: dict[str, str | list[str] | None] = {"stop": self.stop or None, "stop_words": self.stop_words or None}
        return list(agreed(stops) or [])

    def constraint(self) -> Constraint | None:
        """The constraint on the answer's text, if any.

        Raises:
            ApiError: 400, two of ``response_format``, ``json_schema`` and ``grammar`` set one.
        """
        wanted = {
            "response_format": self.response_format.to_constraint() if self.response_format else None,
            "json_schema": None
            if self.json_schema is None
            else Constraint(ConstraintKind.JSON_SCHEMA, self.json_schema, "json_schema"),
            "grammar": None if self.grammar is None else Constraint(ConstraintKind.GRAMMAR, self.grammar, "grammar"),
        }
        given = [(name, constraint) for name, constraint in wanted.items() if constraint is not None]
        if len(given) > 1:
            (first, _), (name, _) = given[:2]
            raise ApiError(400, f"{name}: expected either {name} or {first}, got both", name)
        return given[0][1] if given else None
