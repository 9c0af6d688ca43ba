"""The speech engine: one Whisper model transcribes chunks of all recordings in shared batches."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from shared.distribution import how_to_install
from shared.kinds import kind_of
from shared.wire.jobs import SpeechJob, SpeechTask
from shared.wire.messages import EngineStats
from shared.wire.payloads import Failed, JobError, Segment, Started
from workers.engine import Emitted, EngineInfo, EngineJob, EngineLoadError
from workers.token_rate import TokenRate
from workers.whisper.audio.notices import Notice, Opened, Prepared, PreparedChunk
from workers.whisper.audio.pcm import SAMPLE_RATE
from workers.whisper.audio.preparation import Preparation, Tools
from workers.whisper.audio.preparation_thread import PreparationThread
from workers.whisper.audio.silero import open_detector
from workers.whisper.options import WhisperOptions
from workers.whisper.transcription.batching import BatchSize, ChunkQueue
from workers.whisper.transcription.model import Backend, SpeechModel
from workers.whisper.transcription.recording import PendingChunk, Transcription
from workers.whisper.transcription.step import Transcriber

log = logging.getLogger("nexa.whisper")

IDLE_WAIT_S = 0.1
RATE_WINDOW_S = 10.0
"""Long enough to hold a few steps."""
MODEL_FAILED = Failed(500, "the model failed on this recording; the worker's log has the reason")

T = TypeVar("T")


class WhisperEngine:
    """Serves the speech jobs of one Whisper model.

    A thread decodes the recordings and cuts them into chunks of at most 30 s. Each step takes a batch of chunks, in
    turn from all recordings, so a short recording never waits for a long one.
    """

    def __init__(self, options: WhisperOptions, backend: Backend) -> None:
        self._options = options
        self._backend = backend
        self._transcriptions: dict[str, Transcription] = {}
        self._queue: ChunkQueue[PendingChunk] = ChunkQueue()
        self._batch_size = BatchSize(options.max_batch)
        self._preparation: PreparationThread | None = None
        self._model: SpeechModel[Any] | None = None
        self._rate = TokenRate(RATE_WINDOW_S)
        self._steps = 0

    def load(self, report: Callable[[float], None]) -> EngineInfo:
        report(0.0)
        try:
            from workers.whisper.audio.decoder import AudioDecoder

            self._model = self._backend.open(self._options)
            detect_speech = open_detector()
        except ImportError as error:
            raise EngineLoadError(
                f"speech models need the package {error.name}: {how_to_install(self._backend.extra)}"
            ) from error
        self._transcriber = Transcriber(self._model)
        self._tools = Tools(AudioDecoder, detect_speech, self._model.features)
        report(0.7)
        self._warm_up()
        self._preparation = PreparationThread()
        report(1.0)
        return EngineInfo(slots=self._options.slots, context_tokens=0, translates=self._model.multilingual)

    def submit(self, job: EngineJob) -> list[Emitted]:
        work = job.work
        if not isinstance(work, SpeechJob):
            raise JobError(
                400,
                f"model: {self._options.model_name} transcribes speech, it does not serve {kind_of(work)} jobs",
                "model",
            )
        assert self._model is not None
        assert self._preparation is not None
        self._check(work, self._model)
        self._check_language(work, self._model)
        language = work.language if self._model.multilingual else "en"
        transcription = Transcription(
            job.job_id,
            work,
            language,
            self._model.prompt_tokens(work.prompt),
            time.monotonic(),
            job.party,
            job.delivered,
        )
        self._transcriptions[job.job_id] = transcription
        preparation = Preparation(job.blobs[0], work.vad, job.delivered, language is None, self._tools)
        self._preparation.add(job.job_id, job.party, preparation)
        return []

    def cancel(self, job_id: str) -> None:
        self._forget(job_id)

    def has_work(self) -> bool:
        return bool(self._transcriptions)

    def step(self) -> list[Emitted]:
        assert self._preparation is not None
        emitted = [
            event for job_id, notice in self._preparation.collect() for event in self._handle_notice(job_id, notice)
        ]
        if emitted:
            return emitted  # before the step of the model, which takes long
        batch = self._queue.take(self._batch_size.limit)
        if not batch:
            self._preparation.wait(IDLE_WAIT_S)
            return []
        for item in batch:
            if not item.attempts and not item.again:
                self._preparation.taken(item.job_id)
        started_at_s = time.monotonic()
        emitted = self._run(batch)
        self._batch_size.observe(len(batch), time.monotonic() - started_at_s)
        self._steps += 1
        return emitted

    def stats(self) -> EngineStats:
        running = sum(transcription.begun for transcription in self._transcriptions.values())
        return EngineStats(
            running=running,
            waiting=len(self._transcriptions) - running,
            generated_tokens=self._rate.total,
            steps=self._steps,
            tokens_per_s=self._rate.per_s(time.monotonic()),
        )

    def close(self) -> None:
        for job_id in list(self._transcriptions):
            self._forget(job_id)
        if self._preparation is not None:
            self._preparation.close()
        if self._model is not None:
            self._model.close()

    def _warm_up(self) -> None:
        """Run every part once, so that the first request waits for no allocation and no lazily loaded library."""
        assert self._model is not None
        noise = (np.random.default_rng(0).standard_normal(SAMPLE_RATE) * 1000).astype(np.int16)
        try:
            self._tools.detect_speech(noise)
            encoded = self._model.encode([self._tools.features(noise)])
            start = self._model.start_tokens("en", SpeechTask.TRANSCRIBE, [])
            self._model.generate(encoded, [start], temperature=0.0, beam_size=5)
        except Exception as error:
            reason = " ".join(str(error).split())
            raise EngineLoadError(
                f"{self._options.model_path} cannot run on {self._options.device}: {reason}"
            ) from error

    def _check(self, work: SpeechJob, model: SpeechModel[Any]) -> None:
        name = self._options.model_name
        if work.words and not model.times_words:
            raise JobError(
                400,
                f"timestamp_granularities[]: expected segment, got word; {name} was exported without the cross "
                "attentions that words are timed by",
                "timestamp_granularities[]",
            )
        if not model.multilingual and work.task is SpeechTask.TRANSLATE:
            raise JobError(
                400,
                f"model: {name} is an English-only model and cannot translate; use a multilingual Whisper model",
                "model",
            )

    def _check_language(self, work: SpeechJob, model: SpeechModel[Any]) -> None:
        name = self._options.model_name
        if work.language is None or work.language in model.languages:
            return
        if not model.multilingual:
            raise JobError(
                400,
                f"language: expected 'en', got {work.language!r}; {name} is an English-only model",
                "language",
            )
        known = ", ".join(sorted(model.languages))
        raise JobError(400, f"language: expected a language of {name} ({known}), got {work.language!r}", "language")

    def _handle_notice(self, job_id: str, notice: Notice) -> list[Emitted]:
        """Handle a notice of the preparation thread."""
        transcription = self._transcriptions[job_id]
        match notice:
            case Opened():
                return [(job_id, Started(0, 0))]
            case PreparedChunk():
                transcription.begun = True
                transcription.in_work += 1
                self._queue.add(PendingChunk(transcription, notice))
                return []
            case Prepared():
                transcription.prepared = notice
                return self._end_if_done(transcription)
            case Failed():
                return self._fail(job_id, notice)

    def _run(self, batch: list[PendingChunk]) -> list[Emitted]:
        """Decode each chunk of a batch once. Chunks with poor text go back to the queue for another attempt."""
        emitted: list[Emitted] = []
        finished: list[PendingChunk] = []
        began_at_s = time.monotonic()
        attempts = self._together(batch, self._transcriber.attempt)
        generated = sum(len(attempt.tokens) for _, attempt in attempts if attempt is not None)
        self._rate.count(generated, began_at_s, time.monotonic())
        for item, attempt in attempts:
            if attempt is None:
                emitted += self._fail(item.job_id, MODEL_FAILED)
                continue
            if item.temperature is None:
                finished.append(item)
            elif item.job_id in self._transcriptions:
                self._queue.put_back(item)
        alive = [item for item in finished if item.job_id in self._transcriptions]
        for item, result in self._together(alive, self._transcriber.finish):
            emitted += self._fail(item.job_id, MODEL_FAILED) if result is None else self._finish(item, *result)
        return emitted

    def _together(
        self, batch: list[PendingChunk], work: Callable[[list[PendingChunk]], list[T]]
    ) -> list[tuple[PendingChunk, T | None]]:
        """The results of ``work`` for a batch. If it fails, each chunk is tried alone; None if that fails too."""
        try:
            return list(zip(batch, work(batch), strict=True))
        except Exception as error:
            log.warning("model failed", extra={"chunks": len(batch)}, exc_info=error)
        if len(batch) == 1:
            return [(batch[0], None)]
        results = [result for item in batch for result in self._together([item], work)]
        if all(result is not None for _, result in results):
            self._batch_size.failed(len(batch))
        return results

    def _finish(self, item: PendingChunk, segments: list[Segment], heard_s: float) -> list[Emitted]:
        """Handle a transcribed chunk: queue a part whose speech has no text, otherwise emit what is due."""
        assert self._preparation is not None
        transcription = self._transcriptions.get(item.job_id)
        if transcription is None:
            return []
        part = item.heard(segments)
        if part is not None:
            self._queue.put_back(part)
            return []
        if not transcription.work.vad:
            self._preparation.continue_at(item.job_id, item.chunk.start_s + heard_s)
        emitted = [(item.job_id, payload) for payload in transcription.finish_chunk(item)]
        return [*emitted, *self._end_if_done(transcription)]

    def _end_if_done(self, transcription: Transcription) -> list[Emitted]:
        events = transcription.ending()
        if events:
            self._forget(transcription.job_id)
        return [(transcription.job_id, event) for event in events]

    def _fail(self, job_id: str, failed: Failed) -> list[Emitted]:
        if job_id not in self._transcriptions:
            return []
        self._forget(job_id)
        return [(job_id, failed)]

    def _forget(self, job_id: str) -> None:
        self._transcriptions.pop(job_id, None)
        self._queue.drop(job_id)
        if self._preparation is not None:
            self._preparation.drop(job_id)
