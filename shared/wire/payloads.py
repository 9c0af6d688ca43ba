"""Payloads of a job's events. The last event of a job is :class:`Done` or :class:`Failed`."""

from __future__ import annotations

from enum import StrEnum

from msgspec import field

from shared.wire.codec import Struct
from shared.wire.pictures import PictureFormat


class FinishReason(StrEnum):
    """Why a sequence ended, in OpenAI's words."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"


class TokenLogprob(Struct, frozen=True):
    """The natural log of a token's probability and those of its likeliest alternatives, before sampling filters.

    ``logprob`` is ``None`` for the first token of an echoed prompt. ``top`` holds the alternatives as
    ``(text, bytes, logprob)``, likeliest first. ``offset`` is the number of whole characters before the token: of the
    generated text and, if it is echoed, of the prompt.
    """

    text: str
    raw: bytes
    logprob: float | None
    top: list[tuple[str, bytes, float]] = field(default_factory=list)
    offset: int = 0


class ToolCallDelta(Struct, frozen=True):
    """A part of tool call ``index``. ``name`` is set in the first part only; ``arguments`` is a part of JSON text."""

    index: int
    name: str | None
    arguments: str


class Started(Struct, tag=20, frozen=True):
    """The job has begun. For text: the prompt's length in tokens, and how many of these were in the KV cache.
    For vectors and scores: the length of all inputs.

    ``warnings`` name what the request asks for and does not get. ``prompt_ids`` are the prompt's tokens, if the job
    asks for them.
    """

    prompt_tokens: int
    cached_tokens: int
    warnings: list[str] = field(default_factory=list)
    prompt_ids: list[int] = field(default_factory=list)


class Tokens(Struct, tag=21, frozen=True):
    """What one decode step added to a sequence.

    ``text`` may be empty while a character or a stop word is incomplete. ``token_ids`` are all tokens of the step:
    another worker can continue the sequence from them. They are empty for an echoed prompt; its ``logprobs``, if
    requested, come in several parts. ``reasoning`` is a part of the model's thought. ``mirostat_mu`` is what Mirostat's
    next draw depends on, beside the tokens; None without Mirostat.
    """

    text: str
    token_ids: list[int]
    logprobs: list[TokenLogprob] = field(default_factory=list)
    tool_calls: list[ToolCallDelta] = field(default_factory=list)
    reasoning: str = ""
    mirostat_mu: float | None = None


class Progress(Struct, tag=22, frozen=True):
    """Denoising steps done, out of the job's total over all its pictures.

    ``preview`` is a file of the unfinished picture in the job's format, or empty.
    """

    step: int
    steps: int
    preview: bytes = b""


class Picture(Struct, tag=25, frozen=True):
    """A finished picture. ``file`` is the whole file in its ``format``, with the parameters as metadata.

    ``warnings`` name what the request asks for and did not get.
    """

    seed: int
    width: int
    height: int
    file: bytes
    format: PictureFormat = "png"
    warnings: list[str] = field(default_factory=list)


class Word(Struct, frozen=True):
    """One word of a recording with its start and end time. ``text`` includes the leading space."""

    text: str
    start_s: float
    end_s: float
    probability: float


class Segment(Struct, tag=26, frozen=True):
    """A part of a recording's text, about a sentence. ``text`` includes the leading space.

    ``chunk`` is the index of the audio chunk; all segments of a chunk come in one step. ``avg_logprob``,
    ``compression_ratio`` and ``no_speech_prob`` are defined as in Whisper.
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


class Recording(Struct, tag=27, frozen=True):
    """A summary of the whole recording, sent before :class:`Done`.

    ``language`` is a code, or ``und`` if there was no speech and the job names no language. ``speech_s`` is how much of
    ``duration_s`` is speech.
    """

    language: str
    language_probability: float
    duration_s: float
    speech_s: float


class Vectors(Struct, tag=28, frozen=True):
    """The vectors of some inputs of a job. A job that is begun again sends all of them once more.

    ``indices`` are those of the inputs. ``data`` has a row of ``dimensions`` numbers for each: float32, little-endian.
    """

    indices: list[int]
    dimensions: int
    data: bytes


class Scores(Struct, tag=29, frozen=True):
    """How relevant some documents of a job are, from 0 to 1. A job that is begun again sends all of them once more.

    ``indices`` are those of the documents, one for each of the ``values``.
    """

    indices: list[int]
    values: list[float]


class Tokenized(Struct, tag=36, frozen=True):
    """The tokens of a prompt: ``count`` of them, and as much more as the job asks for.

    ``pieces`` are their bytes, ``text`` all of them as text. ``context_tokens`` is the model's context.
    """

    count: int
    context_tokens: int
    token_ids: list[int] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    text: str = ""


class Done(Struct, tag=23, frozen=True):
    """The job succeeded. Token counts are those of OpenAI's ``usage``; ``ttft_s`` counts from the worker's receipt.

    ``reasoning_tokens`` are those of ``completion_tokens`` that are part of a thought. ``stop`` is the string of the
    request's own that ended the text. With ``context_full``, the length that was reached is the context's, not the one
    that the request allows. ``predicted_tokens`` of the job's prediction were drafted and are part of the answer,
    ``mispredicted_tokens`` were drafted and are not.
    """

    finish_reason: FinishReason
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    ttft_s: float
    reasoning_tokens: int = 0
    stop: str | None = None
    context_full: bool = False
    predicted_tokens: int = 0
    mispredicted_tokens: int = 0


class Failed(Struct, tag=24, frozen=True):
    """The job failed: an HTTP status, a message for the client, and in ``param`` the field at fault, if any."""

    status: int
    message: str
    param: str | None = None
    code: str | None = None


Payload = Started | Tokens | Progress | Picture | Segment | Recording | Vectors | Scores | Tokenized | Done | Failed


class JobError(Exception):
    """Raised when an engine refuses or gives up a job; ``failed`` is the error for the client."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.failed = Failed(status=status, message=message, param=param, code=code)
