"""What transcription needs of a Whisper model, whichever library runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

from shared.wire.jobs import SpeechTask
from workers.whisper.audio.notices import Features
from workers.whisper.audio.pcm import Samples
from workers.whisper.options import WhisperOptions
from workers.whisper.transcription.fallback import Attempt
from workers.whisper.transcription.words import TimedWord

SAMPLED_HYPOTHESES = 5
"""Texts sampled at a temperature above 0; the most probable one is used."""


class Encoded(Protocol):
    """The encoder's output for a batch of chunks, one row per chunk."""

    def take(self, rows: list[int]) -> Self:
        """The given rows, in this order."""


E = TypeVar("E", bound=Encoded)


class SpeechModel(Protocol[E]):
    """A loaded model. :meth:`features` may be called from another thread, all other methods from one thread only.

    ``languages`` are codes such as ``en``. ``timestamp_begin`` is the token of 0.00 s. Without ``times_words``,
    :meth:`align` is not called.
    """

    multilingual: bool
    languages: list[str]
    timestamp_begin: int
    times_words: bool

    def features(self, samples: Samples) -> Features:
        """The log-Mel spectrogram of a chunk, padded with silence to 30 s."""

    def encode(self, features: list[Features]) -> E:
        """Run the encoder."""

    def join(self, parts: list[E]) -> E:
        """The rows of several batches as one batch."""

    def detect_languages(self, encoded: E) -> list[tuple[str, float]]:
        """The most probable language of each chunk, and its probability."""

    def prompt_tokens(self, text: str | None) -> list[int]:
        """The tokens of the request's ``prompt``, which the model reads as preceding text; cut to the last that fit."""

    def start_tokens(self, language: str, task: SpeechTask, previous: list[int]) -> list[int]:
        """The tokens that the decoder continues. Their number depends only on the length of ``previous``."""

    def generate(self, encoded: E, starts: list[list[int]], temperature: float, beam_size: int) -> list[Attempt]:
        """Decode each chunk. All ``starts`` must have the same length; languages and tasks may differ."""

    def text_of(self, tokens: list[int]) -> str:
        """The text of ``tokens`` without special tokens."""

    def text_tokens(self, tokens: list[int]) -> list[int]:
        """``tokens`` without special tokens."""

    def align(
        self, encoded: E, language: str, task: SpeechTask, texts: list[list[int]], durations_s: list[float]
    ) -> list[list[TimedWord]]:
        """The times of each chunk's words; ``texts`` holds the chunks' tokens without timestamps.

        Punctuation is part of the neighbouring word.
        """

    def close(self) -> None:
        """Free the weights."""


class OpenModel(Protocol):
    """Loads a model; it imports the model's library only then."""

    def __call__(self, options: WhisperOptions) -> SpeechModel[Any]:
        """The loaded model.

        Raises:
            ImportError: the library is not installed.
            EngineLoadError: there is no usable model, or the device cannot run it.
        """


@dataclass(frozen=True, slots=True)
class Backend:
    """A library that runs Whisper models: how one is loaded, and the extra that installs it."""

    extra: str
    open: OpenModel
