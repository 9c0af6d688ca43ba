"""Which parts of a chunk hold speech without text, and are heard again.

The model may begin its text late, end it early, or pass over a sentence, most often where a chunk begins within a word.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from msgspec.structs import replace

from shared.wire.payloads import Segment
from workers.whisper.audio.notices import PreparedChunk, Span
from workers.whisper.transcription.fallback import MAX_NO_SPEECH_PROB, Attempt, Verdict, judge

MIN_UNHEARD_S = 0.9
"""Less speech than this without text is not heard again: the ends of texts and of speech are not that exact."""

MIN_PROGRESS_S = 1.0
"""A part must be shorter by this than the one whose text left it out, or it would give the same result."""

MIN_BYTES_PER_S = 4.0
"""A text with fewer bytes per second of its speech leaves most of it out. Slow speech has about 8."""

MAX_BYTES_PER_S = 20.0
"""Fast speech. A text took at least the time that this gives."""

MIN_SPARSE_S = 4.0
"""In less speech than this, few words are normal."""

MAX_AGAIN = 6
"""The most parts of a chunk that are heard again."""

FREE_MISSES = 2.0
MISSES_PER_CHUNK = 0.2


@dataclass(slots=True)
class Allowance:
    """How many more parts of a recording may be heard again in vain.

    Music taken for speech has no text however often it is heard, and must not hold up everything. A part that gave
    text costs nothing; two parts, and one for every five chunks, may give none.
    """

    left_misses: float = FREE_MISSES

    @property
    def left(self) -> bool:
        """Whether another part may be heard again."""
        return self.left_misses >= 1

    def chunk_heard(self) -> None:
        """A chunk went through the model for the first time."""
        self.left_misses += MISSES_PER_CHUNK

    def again_heard(self, found: bool) -> None:
        """A part went through the model again and gave text, or none."""
        self.left_misses -= 0 if found else 1


@dataclass(slots=True)
class Hearing:
    """The text of one chunk so far: ``segments`` in the order of their times."""

    segments: list[Segment] = field(default_factory=list)
    _whole: PreparedChunk | None = None
    _heard: list[Span] = field(default_factory=list)
    _vain: list[Span] = field(default_factory=list)

    def begin(self, chunk: PreparedChunk, segments: list[Segment], attempt: Attempt) -> None:
        """Take the segments of the whole chunk. Without any, it is heard again only if the model heard a voice."""
        self._whole = chunk
        self.segments = segments
        self._heard.append(chunk.sound)
        if not segments and (attempt.no_speech_prob > MAX_NO_SPEECH_PROB or judge(attempt) is not Verdict.GOOD):
            self._vain.append(chunk.sound)

    def add(self, part: PreparedChunk, segments: list[Segment], attempt: Attempt) -> bool:
        """Take the segments of a part that was heard again; False if they tell nothing new.

        Poor text is not taken: a guess is no better than none.
        """
        self._heard.append(part.sound)
        begin_s, end_s = part.sound
        replaced = [each for each in self.segments if begin_s <= each.start_s and each.end_s <= end_s]
        trusted = judge(attempt) is Verdict.GOOD and attempt.no_speech_prob <= MAX_NO_SPEECH_PROB
        if not trusted or _bytes(segments) <= _bytes(replaced):
            self._vain.append(part.sound)
            return False
        text = "".join(each.text for each in segments)
        kept = [
            _ending_by(each, begin_s)
            for each in self.segments
            if each not in replaced and not (_overlaps(each, begin_s) and each.text.strip() in text)
        ]
        self.segments = sorted([*kept, *segments], key=lambda each: (each.start_s, each.end_s))
        return True

    def unheard(self) -> PreparedChunk | None:
        """The first part that holds speech without text and is not yet heard again."""
        if self._whole is None or len(self._heard) > MAX_AGAIN:
            return None
        for gap in self._gaps(self._whole):
            span = self._worth_hearing(gap, self._whole, self._vain)
            if span is not None:
                return self._whole.part(span)
        for each in self.segments:
            if _is_sparse(each, self._whole.speech):  # still, although it was heard again with what follows its text
                rest = each.start_s + _bytes([each]) / MAX_BYTES_PER_S, each.end_s
                span = self._worth_hearing(rest, self._whole, [])
                if span is not None:
                    return self._whole.part(span)
        return None

    def _gaps(self, whole: PreparedChunk) -> list[Span]:
        """The stretches between texts, in order. A text that leaves most of its speech out counts as none."""
        begin_s, end_s = whole.sound
        full = [each for each in self.segments if not _is_sparse(each, whole.speech)]
        edges = [(begin_s, begin_s), *((each.start_s, each.end_s) for each in full), (end_s, end_s)]
        return [(before[1], after[0]) for before, after in pairwise(edges)]

    def _worth_hearing(self, gap: Span, whole: PreparedChunk, vain: list[Span]) -> Span | None:
        """The gap without the silence at its ends, if enough of it is speech outside of ``vain``."""
        speech = [(max(start_s, gap[0]), min(end_s, gap[1])) for start_s, end_s in whole.speech]
        speech = [each for each in speech if each[1] > each[0] and not any(_within(each, span) for span in vain)]
        if sum(end_s - start_s for start_s, end_s in speech) < MIN_UNHEARD_S:
            return None
        span = speech[0][0], speech[-1][1]
        if any(_within(span, heard) and _length_s(heard) - _length_s(span) < MIN_PROGRESS_S for heard in self._heard):
            return None
        return span


def _is_sparse(segment: Segment, speech: tuple[Span, ...]) -> bool:
    """Whether a segment's text is far too short for the speech in its time."""
    speech_s = sum(max(0.0, min(end_s, segment.end_s) - max(start_s, segment.start_s)) for start_s, end_s in speech)
    return speech_s >= MIN_SPARSE_S and _bytes([segment]) < MIN_BYTES_PER_S * speech_s


def _overlaps(segment: Segment, time_s: float) -> bool:
    return segment.start_s < time_s < segment.end_s


def _ending_by(segment: Segment, time_s: float) -> Segment:
    """The segment, cut off at a time within it. Its words end by then."""
    if not _overlaps(segment, time_s):
        return segment
    words = [replace(word, start_s=min(word.start_s, time_s), end_s=min(word.end_s, time_s)) for word in segment.words]
    return replace(segment, end_s=time_s, words=words)


def _bytes(segments: list[Segment]) -> int:
    return sum(len(each.text.strip().encode()) for each in segments)


def _within(inner: Span, outer: Span) -> bool:
    return outer[0] - 0.01 <= inner[0] and inner[1] <= outer[1] + 0.01


def _length_s(span: Span) -> float:
    return span[1] - span[0]
