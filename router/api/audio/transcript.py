"""Answers to speech requests: OpenAI's objects, plain text, subtitles, and events."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import PlainTextResponse, Response

from router.answers.event_stream import DONE_EVENT, EventWriter
from router.answers.submission import SubmittedRequest
from router.api.audio.subtitles import srt, vtt
from router.http.json_text import json_text
from router.schemas.audio import SpeechRequest, TranscriptFormat, TranscriptionRequest
from router.schemas.errors import ApiError
from router.schemas.languages import LANGUAGE_NAMES
from shared.wire.jobs import SpeechTask
from shared.wire.payloads import Payload, Recording, Segment

FRAMES_PER_S = 100
"""Frames of Whisper's spectrogram per second; ``seek`` counts them."""


@dataclass(slots=True)
class Transcript:
    """The segments of a recording and, once it has arrived, its summary."""

    segments: list[Segment] = field(default_factory=list)
    recording: Recording | None = None

    @property
    def text(self) -> str:
        """The whole text, with the space that Whisper puts before each segment."""
        return "".join(segment.text for segment in self.segments)

    @property
    def usage(self) -> dict[str, Any]:
        """OpenAI's ``usage`` of a recording: its duration in seconds, rounded up."""
        return {"type": "duration", "seconds": math.ceil(round(self.summary.duration_s, 3))}

    @property
    def summary(self) -> Recording:
        """Language and duration of the recording.

        Raises:
            ApiError: 503, the server stopped before they arrived.
        """
        if self.recording is None:
            raise ApiError(503, "the server stopped this request before it finished; try again")
        return self.recording

    def add(self, payload: Payload) -> None:
        """Add one of the job's events."""
        if isinstance(payload, Segment):
            self.segments.append(payload)
        elif isinstance(payload, Recording):
            self.recording = payload


async def collect_transcript(submitted: SubmittedRequest) -> Transcript:
    """Collect the whole transcript until the job is done.

    Raises:
        ApiError: the job failed, or the server stopped it.
    """
    transcript = Transcript()
    async for _, payload in submitted.events():
        transcript.add(payload)
    return transcript


def whole_transcript(request: SpeechRequest, task: SpeechTask, transcript: Transcript) -> Response:
    """The answer in the requested ``response_format``."""
    match request.response_format:
        case TranscriptFormat.TEXT:
            return PlainTextResponse(transcript.text.strip() + "\n")
        case TranscriptFormat.SRT:
            return Response(srt(transcript.segments), media_type="application/x-subrip; charset=utf-8")
        case TranscriptFormat.VTT:
            return Response(vtt(transcript.segments), media_type="text/vtt; charset=utf-8")
        case TranscriptFormat.VERBOSE_JSON:
            return _json(_verbose(request, task, transcript))
        case _:
            return _json({"text": _text(request, transcript), "usage": transcript.usage})


class TranscriptChunks(EventWriter):
    """Writes OpenAI's transcript events: a delta for each segment, with its times, and the whole text at the end.

    The deltas add up to the text. It keeps the space at its beginning only if the request is ``native``. If the request
    asks for the times of words, each delta has those of its words.
    """

    def __init__(self, request: SpeechRequest) -> None:
        self._transcript = Transcript()
        self._native = request.native
        self._with_words = _with_words(request)
        self._begun = False
        self._space = ""

    def render(self, choice: int, payloads: Sequence[Payload]) -> list[str]:
        """One event per segment."""
        events = []
        for payload in payloads:
            self._transcript.add(payload)
            if isinstance(payload, Segment):
                delta = {
                    "type": "transcript.text.delta",
                    "delta": self._delta(payload.text),
                    "id": len(self._transcript.segments) - 1,
                    "start": round(payload.start_s, 3),
                    "end": round(payload.end_s, 3),
                }
                events.append(_event({**delta, "words": _words(payload)} if self._with_words else delta))
        return events

    def closing(self, submitted: SubmittedRequest) -> list[str]:
        """The event with the whole text, and the end."""
        recording = self._transcript.summary
        done = {
            "type": "transcript.text.done",
            "text": self._transcript.text if self._native else self._transcript.text.strip(),
            "language": recording.language,
            "duration": round(recording.duration_s, 3),
            "usage": self._transcript.usage,
        }
        return [_event(done), DONE_EVENT]

    def _delta(self, text: str) -> str:
        """A segment's text; space at its end waits for the next one, unless the request is native."""
        if self._native:
            return text
        text = self._space + text if self._begun else text.lstrip()
        kept = text.rstrip()
        self._space = text[len(kept) :]
        self._begun = self._begun or bool(kept)
        return kept


def _text(request: SpeechRequest, transcript: Transcript) -> str:
    return transcript.text if request.native else transcript.text.strip()


def _verbose(request: SpeechRequest, task: SpeechTask, transcript: Transcript) -> dict[str, Any]:
    recording = transcript.summary
    answer: dict[str, Any] = {
        "task": task.value,
        "language": LANGUAGE_NAMES.get(recording.language, recording.language),
        "language_probability": round(recording.language_probability, 4),
        "duration": round(recording.duration_s, 3),
        "text": _text(request, transcript),
    }
    if _with_words(request):
        answer["words"] = [word for segment in transcript.segments for word in _words(segment)]
    if not isinstance(request, TranscriptionRequest) or request.with_segments:
        answer["segments"] = [_segment(number, segment) for number, segment in enumerate(transcript.segments)]
    return {**answer, "usage": transcript.usage}


def _with_words(request: SpeechRequest) -> bool:
    return isinstance(request, TranscriptionRequest) and request.with_words


def _words(segment: Segment) -> list[dict[str, Any]]:
    return [
        {
            "word": word.text.strip(),
            "start": round(word.start_s, 3),
            "end": round(word.end_s, 3),
            "probability": round(word.probability, 4),
        }
        for word in segment.words
    ]


def _segment(number: int, segment: Segment) -> dict[str, Any]:
    return {
        "id": number,
        "seek": round(segment.start_s * FRAMES_PER_S),
        "start": round(segment.start_s, 3),
        "end": round(segment.end_s, 3),
        "text": segment.text,
        "tokens": segment.token_ids,
        "temperature": segment.temperature,
        "avg_logprob": segment.avg_logprob,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_prob,
    }


def _json(answer: dict[str, Any]) -> Response:
    return Response(json_text(answer), media_type="application/json")


def _event(event: dict[str, Any]) -> str:
    return f"data: {json_text(event)}\n\n"
