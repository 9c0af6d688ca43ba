"""The forms of ``/v1/audio/transcriptions`` and ``/v1/audio/translations``."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import ConfigDict, Field, field_validator

from router.schemas.errors import ApiError
from router.schemas.languages import language_code
from router.schemas.scheduling import SchedulingFields
from router.schemas.shown import shown
from shared.wire.jobs import SpeechJob, SpeechTask

READ_PROMPT_CHARS = 16_384
"""The end of a prompt that goes to the worker. The model reads its last 223 tokens, which are always shorter."""


class TranscriptFormat(StrEnum):
    """The formats of a transcript."""

    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"
    VERBOSE_JSON = "verbose_json"


SUBTITLES = frozenset({TranscriptFormat.SRT, TranscriptFormat.VTT})


class SpeechRequest(SchedulingFields):
    """The fields of both endpoints, except the recording. Values arrive as text."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    model: str | None = Field(None, max_length=256, description="The first served speech model if absent.")
    prompt: str | None = Field(None, description="Text that precedes the recording, as context; its end is read.")
    response_format: TranscriptFormat = TranscriptFormat.JSON
    temperature: float = Field(0.0, ge=0, le=1, description="0: beam search, with sampling as the fallback.")
    beam_size: int = Field(5, ge=1, le=10)
    vad_filter: bool = Field(True, description="Skip parts without speech.")
    stream: bool = False

    @field_validator("prompt")
    @classmethod
    def _end_of_prompt(cls, given: str | None) -> str | None:
        return given[-READ_PROMPT_CHARS:] if given else given

    @property
    def native(self) -> bool:
        """Whether the request is in the native form, without ``model``: its text keeps the leading space."""
        return self.model is None

    def check(self) -> None:
        """Refuse contradictory fields.

        Raises:
            ApiError: 400.
        """
        if self.stream and self.response_format in SUBTITLES:
            raise ApiError(
                400,
                f"stream: expected response_format json, text or verbose_json, got {self.response_format}",
                "stream",
            )


class TranslationRequest(SpeechRequest):
    """A recording to translate into English."""

    language: str | None = Field(None, description="Refused: translations are always in English.")

    def to_job(self) -> SpeechJob:
        """The job.

        Raises:
            ApiError: 400, fields contradict each other.
        """
        self.check()
        if self.language is not None:
            message = f"language: expected none, since translations are in English, got {shown(self.language)}"
            raise ApiError(400, message, "language")
        return SpeechJob(
            SpeechTask.TRANSLATE,
            prompt=self.prompt,
            temperature=self.temperature,
            beam_size=self.beam_size,
            vad=self.vad_filter,
        )


class TranscriptionRequest(SpeechRequest):
    """A recording to transcribe."""

    language: str | None = Field(None, description="A code such as `en`, a name such as `english`, or `auto`.")
    timestamp_granularities: list[Literal["segment", "word"]] = Field(
        [], description="Which times verbose_json contains; segment by default."
    )

    @field_validator("language")
    @classmethod
    def _language_code(cls, given: str | None) -> str | None:
        return language_code(given) if given is not None else None

    @property
    def with_words(self) -> bool:
        """Whether the times of words are requested."""
        return "word" in self.timestamp_granularities

    @property
    def with_segments(self) -> bool:
        """Whether the times of segments are requested."""
        return "segment" in self.timestamp_granularities or not self.timestamp_granularities

    def to_job(self) -> SpeechJob:
        """The job.

        Raises:
            ApiError: 400, fields contradict each other.
        """
        self.check()
        if self.timestamp_granularities and self.response_format is not TranscriptFormat.VERBOSE_JSON:
            raise ApiError(
                400,
                f"timestamp_granularities[]: expected response_format verbose_json, got {self.response_format}",
                "timestamp_granularities[]",
            )
        return SpeechJob(
            SpeechTask.TRANSCRIBE,
            language=self.language,
            prompt=self.prompt,
            temperature=self.temperature,
            beam_size=self.beam_size,
            words=self.with_words,
            vad=self.vad_filter,
        )
