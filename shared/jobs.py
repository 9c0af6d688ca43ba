"""What a job asks for, as both ends of the wire understand it.

The router turns a validated HTTP request into one of these; a worker's engine reads it. Everything here is plain data:
field names are the field's standard terms, and a default means "as the API documents it".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class JobKind(StrEnum):
    """The kinds of work that an engine can be asked for."""

    TEXT = "text"
    IMAGE = "image"
    SPEECH = "speech"


class ToolChoice(StrEnum):
    """Whether an answer may, must or must not call a tool. ``NAMED`` goes with :attr:`TextJob.tool_name`."""

    NONE = "none"
    AUTO = "auto"
    REQUIRED = "required"
    NAMED = "named"


class ConstraintKind(StrEnum):
    """The languages in which a request can restrict the text that is generated."""

    JSON_OBJECT = "json_object"
    JSON_SCHEMA = "json_schema"
    GRAMMAR = "grammar"
    REGEX = "regex"


class FinishReason(StrEnum):
    """Why a sequence ended, in OpenAI's words."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"


@dataclass(frozen=True, slots=True)
class Constraint:
    """A restriction on the generated text.

    ``value`` is a JSON schema (a dict) for ``JSON_SCHEMA``, the grammar's or the expression's source (a str) for
    ``GRAMMAR`` (GBNF or Lark) and ``REGEX``, and ``None`` for ``JSON_OBJECT``.
    """

    kind: ConstraintKind
    value: Any = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn from the model's distribution.

    ``temperature`` 0 is greedy. ``top_k`` 0, ``top_p`` 1 and ``min_p`` 0 switch the respective filter off.
    ``seed`` ``None`` draws a random one. ``logit_bias`` maps token ids to a number added to their logit.
    """

    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0
    min_p: float = 0.0
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int | None = None
    logit_bias: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TextJob:
    """One sequence to generate: a prompt (text or token ids) or a chat, and how to continue it.

    Exactly one of ``prompt``, ``prompt_tokens`` and ``messages`` is given. ``max_tokens`` ``None`` means up to the end
    of the turn or of the context. ``top_logprobs`` ``None`` means no log-probabilities; 0 means those of the chosen
    tokens only.
    """

    prompt: str | None = None
    prompt_tokens: list[int] | None = None
    messages: list[dict[str, Any]] | None = None
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_choice: ToolChoice = ToolChoice.NONE
    tool_name: str | None = None
    parallel_tool_calls: bool = True
    template_options: dict[str, Any] = field(default_factory=dict)
    constraint: Constraint | None = None
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int | None = None
    stop: list[str] = field(default_factory=list)
    top_logprobs: int | None = None
    echo: bool = False
    ignore_eos: bool = False


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """The natural log of a token's probability, and of its most likely alternatives, before sampling filters.

    ``top`` holds ``(text, bytes, logprob)`` of the alternatives, most likely first.
    """

    text: str
    raw: bytes
    logprob: float
    top: list[tuple[str, bytes, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call: ``name`` comes once, with the call's first piece; ``arguments`` is JSON text."""

    index: int
    name: str | None
    arguments: str


@dataclass(frozen=True, slots=True)
class Started:
    """The prompt is in the model: its length in tokens, and how many of them were found in the KV cache."""

    prompt_tokens: int
    cached_tokens: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one decode step added to a sequence.

    ``text`` may be empty while a character or a stop word is incomplete. ``token_ids`` are all tokens of the step, so
    that the sequence can be continued elsewhere.
    """

    text: str
    token_ids: list[int]
    logprobs: list[TokenLogprob] = field(default_factory=list)
    tool_calls: list[ToolCallDelta] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Progress:
    """Steps done out of the steps that the job takes (image denoising, audio segments)."""

    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class Done:
    """The sequence ended. Token counts are OpenAI's ``usage``; ``ttft_s`` runs from the worker's receipt of the job."""

    finish_reason: FinishReason
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    ttft_s: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The job ended with an error: an HTTP status, a message for the client, and the field at fault if one is."""

    status: int
    message: str
    param: str | None = None
    code: str | None = None


Payload = Started | Tokens | Progress | Done | Failed


class JobError(Exception):
    """A job that an engine refuses or gives up, with what the client is to be told."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.failed = Failed(status=status, message=message, param=param, code=code)
