"""What a job asks for, as both ends of the wire understand it.

The router turns a validated HTTP request into one of these; a worker's engine reads it. Everything here is plain data:
field names are the field's standard terms, and a default means "as the API documents it".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


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
    ``seed`` ``None`` draws a random one; the router draws those that clients leave open, so that another worker can go
    on with the same draws. ``logit_bias`` maps token ids to a number added to their logit.
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


class SpeechTask(StrEnum):
    """What becomes of speech: text in its own language, or in English."""

    TRANSCRIBE = "transcribe"
    TRANSLATE = "translate"


@dataclass(frozen=True, slots=True)
class SpeechJob:
    """One recording to write down; the file, in any common audio or video format, is the job's only blob.

    ``language`` is a code such as ``en``, or ``None`` to detect it. ``prompt`` is text that the model takes for what
    was said before. ``temperature`` 0 is beam search, with higher temperatures where its result is poor (as Whisper
    does it); any other is sampled at. ``vad`` leaves out what holds no voice.
    """

    task: SpeechTask = SpeechTask.TRANSCRIBE
    language: str | None = None
    prompt: str | None = None
    temperature: float = 0.0
    beam_size: int = 5
    words: bool = False
    vad: bool = True


@dataclass(frozen=True, slots=True)
class ImageJob:
    """``count`` pictures to paint, ``width`` x ``height`` pixels, with seeds counted up from ``seed``.

    Blobs: none for text to image; the input picture for image to image (``has_input``), followed by the mask where
    there is one (``has_mask``: what is transparent in it is painted anew). ``strength`` (0 to 1) is how far an input
    picture may be left. Seeds that clients leave open are drawn before. ``sampler`` and ``scheduler`` are names of
    :mod:`shared.engines.diffusion_names`, or ``None`` for the model's own. ``previews`` is how many unfinished pictures
    are sent.
    """

    prompt: str
    negative_prompt: str = ""
    width: int = 256
    height: int = 256
    count: int = 1
    steps: int = 20
    cfg_scale: float = 7.0
    seed: int = 0
    strength: float = 0.75
    sampler: str | None = None
    scheduler: str | None = None
    clip_skip: int = 0
    has_input: bool = False
    has_mask: bool = False
    previews: int = 0


Work = TextJob | SpeechJob | ImageJob
