"""What a worker reports of a job: the payloads of its events, the last one :class:`Done` or :class:`Failed`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class FinishReason(StrEnum):
    """Why a sequence ended, in OpenAI's words."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"


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
    """The job has begun. For text, the prompt's length in tokens, and how many of them were found in the KV cache."""

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
    """Denoising steps done out of those that the job takes, over all its pictures.

    ``preview`` is a PNG of what is there so far, or empty.
    """

    step: int
    steps: int
    preview: bytes = b""


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture, counted from 0: ``png`` holds the whole file, with its parameters as metadata."""

    index: int
    seed: int
    width: int
    height: int
    png: bytes


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a recording, with the times at which it begins and ends; ``text`` begins with its space."""

    text: str
    start_s: float
    end_s: float
    probability: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a recording's text, a sentence or so. ``text`` begins with its space.

    ``chunk`` counts the pieces of audio that went through the model; all segments of one come in one step. The figures
    are Whisper's: mean log-probability of the tokens, gzip compression ratio of the text, probability of no speech.
    """

    chunk: int
    start_s: float
    end_s: float
    text: str
    token_ids: list[int]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float
    words: list[Word] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Recording:
    """What was found out about a recording as a whole, sent before its :class:`Done`.

    ``language`` is a code, ``und`` where nothing was said and no language was named; ``speech_s`` is how much of
    ``duration_s`` was taken for speech.
    """

    language: str
    language_probability: float
    duration_s: float
    speech_s: float


@dataclass(frozen=True, slots=True)
class Done:
    """The job ended well. Token counts are OpenAI's ``usage``; ``ttft_s`` runs from the worker's receipt of the job."""

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


Payload = Started | Tokens | Progress | Picture | Segment | Recording | Done | Failed


class JobError(Exception):
    """A job that an engine refuses or gives up, with what the client is to be told."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.failed = Failed(status=status, message=message, param=param, code=code)
