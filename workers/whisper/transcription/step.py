"""One step of the model: a batch of chunks, from several recordings, becomes segments of text."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from shared.wire.jobs import SpeechTask
from shared.wire.payloads import Segment, Word
from workers.whisper.transcription.fallback import Attempt, Verdict, choose, judge
from workers.whisper.transcription.model import Encoded, SpeechModel
from workers.whisper.transcription.recording import PendingChunk
from workers.whisper.transcription.timestamps import TimedText, split_at_timestamps
from workers.whisper.transcription.words import TimedWord, are_misplaced, fit_words, moved, share_words


@dataclass(slots=True)
class Draft:
    """A chunk's result before it becomes segments. It covers the chunk's first ``heard_s`` seconds."""

    item: PendingChunk
    attempt: Attempt
    texts: list[TimedText]
    heard_s: float
    words: list[list[TimedWord]] = field(default_factory=list)

    @property
    def language_and_task(self) -> tuple[str, SpeechTask]:
        """What word alignment depends on; chunks with the same can share a batch."""
        transcription = self.item.transcription
        assert transcription.language is not None
        return transcription.language, transcription.work.task


class Transcriber:
    """Runs batches of chunks through a model."""

    def __init__(self, model: SpeechModel[Any]) -> None:
        self._model = model

    def attempt(self, batch: list[PendingChunk]) -> list[Attempt]:
        """Decode each chunk of a batch once more. All chunks must have the same key."""
        encoded = self._encode(batch)
        self._detect_languages(batch, encoded)
        temperature = batch[0].temperature
        assert temperature is not None
        starts = [self._start(item) for item in batch]
        attempts = self._model.generate(encoded, starts, temperature, batch[0].transcription.work.beam_size)
        for row, (item, attempt) in enumerate(zip(batch, attempts, strict=True)):
            item.add_attempt(attempt, encoded.take([row]) if item.needs_encoded(attempt) else None)
        return attempts

    def finish(self, batch: list[PendingChunk]) -> list[tuple[list[Segment], float]]:
        """The segments of chunks that need no further attempt, and how many seconds of each chunk they cover."""
        drafts = [self._draft(item) for item in batch]
        to_align: defaultdict[tuple[str, SpeechTask], list[Draft]] = defaultdict(list)
        for draft in drafts:
            if draft.item.wants_words and draft.texts:
                to_align[draft.language_and_task].append(draft)
        for (language, task), group in to_align.items():
            self._add_words(group, language, task)
        return [(self._segments(draft), draft.heard_s) for draft in drafts]

    def _encode(self, batch: list[PendingChunk]) -> Encoded:
        kept: list[Any] = [item.encoded for item in batch if item.encoded is not None]
        encoded: Encoded = (
            self._model.join(kept) if kept else self._model.encode([item.chunk.features for item in batch])
        )
        return encoded

    def _detect_languages(self, batch: list[PendingChunk], encoded: Encoded) -> None:
        """Detect the language of each recording whose first chunk this is, unless the request names it."""
        firsts: dict[str, int] = {}
        for row, item in enumerate(batch):
            if item.transcription.language is None:
                firsts.setdefault(item.job_id, row)
        if not firsts:
            return
        rows = list(firsts.values())
        for row, (language, probability) in zip(rows, self._model.detect_languages(encoded.take(rows)), strict=True):
            batch[row].transcription.language = language
            batch[row].transcription.language_probability = probability

    def _start(self, item: PendingChunk) -> list[int]:
        transcription = item.transcription
        assert transcription.language is not None
        return self._model.start_tokens(transcription.language, transcription.work.task, transcription.prompt)

    def _draft(self, item: PendingChunk) -> Draft:
        attempt = choose(item.attempts)
        duration_s = item.chunk.duration_s
        if judge(attempt) is Verdict.SILENCE:
            return Draft(item, attempt, [], duration_s)
        split = split_at_timestamps(
            attempt.tokens, self._model.timestamp_begin, duration_s, keep_tail=item.transcription.work.vad
        )
        texts = [text for text in split.texts if self._model.text_of(text.tokens).strip()]
        return Draft(item, attempt, texts, split.heard_s)

    def _add_words(self, drafts: list[Draft], language: str, task: SpeechTask) -> None:
        tokens = [[self._model.text_tokens(text.tokens) for text in draft.texts] for draft in drafts]
        encoded = self._model.join([draft.item.encoded for draft in drafts if draft.item.encoded is not None])
        durations_s = [draft.item.chunk.duration_s for draft in drafts]
        joined = [list(chain.from_iterable(of_texts)) for of_texts in tokens]
        timed = self._model.align(encoded, language, task, joined, durations_s)
        for draft, of_texts, words in zip(drafts, tokens, timed, strict=True):
            shares = share_words(words, [len(of_text) for of_text in of_texts])
            placed = [self._placed(draft, text, share) for text, share in zip(draft.texts, shares, strict=True)]
            fitted = [fit_words(text, share) for text, share in zip(draft.texts, placed, strict=True)]
            draft.texts = [text for text, _ in fitted]
            draft.words = [share for _, share in fitted]

    def _placed(self, draft: Draft, text: TimedText, words: list[TimedWord]) -> list[TimedWord]:
        """The words of a text; timed once more, in the text's own sound, if they are misplaced."""
        if not are_misplaced(text, words):
            return words
        chunk = draft.item.chunk
        part = chunk.part((chunk.start_s + text.start_s, chunk.start_s + text.end_s))
        encoded = self._model.encode([part.features])
        tokens = self._model.text_tokens(text.tokens)
        (timed,) = self._model.align(encoded, *draft.language_and_task, [tokens], [part.duration_s])
        (share,) = share_words(timed, [len(tokens)])
        return moved(share, text.start_s - part.silence_s, text.start_s, text.end_s)

    def _segments(self, draft: Draft) -> list[Segment]:
        words = draft.words or [[] for _ in draft.texts]
        return [self._segment(draft, text, share) for text, share in zip(draft.texts, words, strict=True)]

    def _segment(self, draft: Draft, text: TimedText, words: list[TimedWord]) -> Segment:
        chunk, attempt = draft.item.chunk, draft.attempt

        def at(time_s: float) -> float:
            return round(chunk.start_s + min(max(time_s, chunk.silence_s), chunk.duration_s), 3)

        return Segment(
            chunk=chunk.index,
            start_s=at(text.start_s),
            end_s=at(text.end_s),
            text=self._model.text_of(text.tokens),
            token_ids=text.tokens,
            temperature=attempt.temperature,
            avg_logprob=attempt.avg_logprob,
            compression_ratio=attempt.compression_ratio,
            no_speech_prob=attempt.no_speech_prob,
            words=[Word(word.text, at(word.start_s), at(word.end_s), word.probability) for word in words],
        )
