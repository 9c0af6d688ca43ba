"""What ``/api/chat`` and ``/api/generate`` have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, PrivateAttr, field_validator

from router.schemas.base import RequestModel
from router.schemas.errors import ApiError
from router.schemas.media.given import Content, GivenMedium, MediumKind, content_of
from router.schemas.ollama.keep_alive import KeepAlive, kept_notes
from router.schemas.ollama.options import DEFAULT_SAMPLING, OllamaOptions
from router.schemas.scheduling import SchedulingFields
from router.schemas.text.lora import LoraField
from router.schemas.text.reasoning import effort_named
from shared.wire.jobs import Constraint, ConstraintKind, ReasoningEffort, Sampling

MAX_ALTERNATIVES = 20

_EFFORTS = ("low", "medium", "high", "max")


class OllamaGeneration(RequestModel, SchedulingFields, LoraField):
    """A request for text. :meth:`settle` must be called before the jobs are made."""

    model: str | None = Field(None, max_length=256, description="The first served text model if absent.")
    stream: bool = True
    format: str | dict[str, Any] | None = Field(None, description='"json", or a JSON schema.')
    options: OllamaOptions = OllamaOptions()
    keep_alive: KeepAlive | None = None
    think: bool | Literal["low", "medium", "high", "max"] | None = Field(
        None, description="Whether to think before the answer, or how much. Without it, as the model does by itself."
    )
    truncate: bool | None = Field(None, description="Has no effect: a prompt that is too long is a 400.")
    shift: bool | None = Field(None, description="Has no effect: an answer ends where the context does.")
    logprobs: bool = False
    top_logprobs: int = Field(0, ge=0, le=MAX_ALTERNATIVES, description="Alternatives per token, with logprobs.")

    _asked: str = PrivateAttr("")
    _defaults: Sampling = PrivateAttr(DEFAULT_SAMPLING)
    _context_tokens: int = PrivateAttr(0)
    _on_demand: bool = PrivateAttr(False)

    @field_validator("format", mode="before")
    @classmethod
    def _known_format(cls, given: Any) -> Any:
        if isinstance(given, dict) or given in ("", "json"):
            return given
        raise ValueError('expected "json" or a JSON schema')

    @field_validator("think", mode="before")
    @classmethod
    def _known_think(cls, given: Any) -> Any:
        if isinstance(given, bool) or (isinstance(given, str) and given in _EFFORTS):
            return given
        raise ValueError(f"expected a boolean or one of {', '.join(map(repr, _EFFORTS))}")

    @property
    def n(self) -> int:
        """There are no choices."""
        return 1

    @property
    def asked_model(self) -> str:
        """The model in the client's words, which the answer repeats."""
        return self._asked or self.model or ""

    @property
    def unloads(self) -> bool:
        """Whether the model shall be unloaded at once."""
        return self.keep_alive == 0

    @property
    @abstractmethod
    def only_loads(self) -> bool:
        """Whether the request asks for no answer, only for the model to be loaded or unloaded."""

    def settle(
        self, model: str, defaults: Sampling, context_tokens: int, thinks: bool | None, on_demand: bool = False
    ) -> None:
        """Take over what is known of the served model that answers.

        Args:
            model: its name.
            defaults: how to sample where the request does not say it.
            context_tokens: its context in tokens; 0 if it is not known.
            thinks: whether it can think; None if that is not known.
            on_demand: whether it is loaded on demand, so that ``keep_alive`` has an effect.

        Raises:
            ApiError: 400, it cannot think, and the request wants it to.
        """
        self._asked = self.asked_model or model
        self.model, self._defaults, self._context_tokens = model, defaults, context_tokens
        self._on_demand = on_demand
        if self.think and thinks is False:
            message = f"think: expected false or none for {model}, which does not support thinking, got {self.think!r}"
            raise ApiError(400, message, "think")

    @property
    def notes(self) -> list[str]:
        """What the request asks for and will not get."""
        return [*self.options.notes(self._context_tokens), *kept_notes(self.keep_alive, self._on_demand)]

    def sampling(self) -> Sampling:
        """How to sample."""
        return self.options.sampling(self._defaults)

    def constraint(self) -> Constraint | None:
        """The constraint on the answer's text, if any."""
        if not self.format:
            return None
        if self.format == "json":
            return Constraint(ConstraintKind.JSON_OBJECT, None, "format")
        return Constraint(ConstraintKind.JSON_SCHEMA, self.format, "format")

    def effort(self) -> ReasoningEffort | None:
        """How much to think, if the request says so."""
        if self.think is False:
            return ReasoningEffort.NONE
        return effort_named(self.think) if isinstance(self.think, str) else None

    def template_options(self) -> dict[str, Any]:
        """The variables of the chat template."""
        return {"enable_thinking": True} if self.think is True else {}

    def alternatives(self) -> int | None:
        """The alternatives per token in the log probabilities; ``None`` for no log probabilities.

        Raises:
            ApiError: 400, alternatives without log probabilities.
        """
        if self.top_logprobs and not self.logprobs:
            got = f"expected 0 unless logprobs is true, got {self.top_logprobs}"
            raise ApiError(400, f"top_logprobs: {got}", "top_logprobs")
        return self.top_logprobs if self.logprobs else None


def content_with(images: Sequence[str] | None, text: str, field: str) -> Content:
    """The content of a message with pictures, given as ``field``: they come before its text, as in Ollama."""
    pictures = (GivenMedium(MediumKind.IMAGE, image, f"{field}.{index}") for index, image in enumerate(images or ()))
    return content_of([*pictures, text])
