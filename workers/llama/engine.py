"""The text engine: continuous batching over one llama.cpp context."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import numpy as np
from numpy.typing import NDArray

from shared.wire.messages import EngineStats
from shared.wire.payloads import Done, Failed, FinishReason, JobError, Started, Tokens
from workers.engine import Emitted, EngineInfo, EngineJob, EngineLoadError
from workers.llama.cache.host_cache import HostCache
from workers.llama.cache.kv_cache import KVCache
from workers.llama.chat.rendering import load_template
from workers.llama.constraints.constraint import GrammarCompiler
from workers.llama.generation import Generation
from workers.llama.native.model import NO_ROOM, BatchPiece, DecodeError, LlamaModel
from workers.llama.options import LlamaOptions
from workers.llama.preparation import JobPreparer
from workers.llama.scheduler import Piece, Scheduler
from workers.llama.sequence import Sequence
from workers.llama.throughput import Throughput

log = logging.getLogger("nexa.llama")

PREPARING_WAIT_S = 0.05


class LlamaEngine:
    """Serves the text jobs of one GGUF model.

    Jobs are rendered, tokenised and compiled in a thread of their own, so that a long prompt or a large schema does
    not hold up the sequences that are running.
    """

    def __init__(self, options: LlamaOptions) -> None:
        self._options = options
        self._preparing: dict[str, Future[Sequence]] = {}
        self._sequences: dict[str, Sequence] = {}
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prepare")
        self._throughput = Throughput()
        self._model: LlamaModel | None = None

    def load(self, report: Callable[[float], None]) -> EngineInfo:
        model = LlamaModel(self._options, lambda fraction: report(0.95 * fraction))
        self._model = model
        vocabulary = model.vocabulary
        try:
            template = load_template(self._options.chat_template, model.chat_template(), vocabulary)
        except ValueError as error:
            raise EngineLoadError(f"{error}; another one can be given by --chat-template") from None
        compiler = GrammarCompiler(vocabulary.grammar_tokenizer())
        self._preparer = JobPreparer(vocabulary, template, compiler, model.context_tokens)
        self._generation = Generation(vocabulary)
        kept_cells = None if model.on_gpu else self._options.kept_tokens
        host = HostCache(self._options.cache_bytes)
        self._cache = KVCache(model.memory, model.cells, model.sequences, model.shareable, kept_cells, host)
        slots = min(self._options.slots, model.sequences)
        apart_from = None if model.on_gpu else self._options.apart_from_tokens
        batch_tokens, target_step_s = self._options.batch_tokens, self._options.target_step_s
        self._scheduler = Scheduler(self._cache, slots, batch_tokens, target_step_s, apart_from)
        report(1.0)
        return EngineInfo(slots=slots, context_tokens=model.context_tokens)

    def submit(self, job: EngineJob) -> list[Emitted]:
        self._preparing[job.job_id] = self._executor.submit(self._prepare, job, time.monotonic())
        return []

    def cancel(self, job_id: str) -> None:
        future = self._preparing.pop(job_id, None)
        if future is not None:
            future.cancel()
        sequence = self._sequences.get(job_id)
        if sequence is not None:
            self._retire(sequence)

    def has_work(self) -> bool:
        return bool(self._preparing) or self._scheduler.has_work()

    def step(self) -> list[Emitted]:
        emitted = self._collect()
        pieces = self._scheduler.plan()
        emitted += self._begin_new(pieces)
        if emitted:
            return emitted  # it is out before the decode, which could be this process's last
        if not pieces:
            if self._preparing:
                wait(self._preparing.values(), timeout=PREPARING_WAIT_S, return_when=FIRST_COMPLETED)
            return []
        started_s = time.monotonic()
        logits = self._decode(pieces)
        if logits is None:
            return []
        emitted = self._advance_all(pieces, logits)
        self._scheduler.budget.observe(sum(piece.length for piece in pieces), time.monotonic() - started_s)
        return emitted

    def stats(self) -> EngineStats:
        return self._throughput.stats(
            running=len(self._scheduler.running),
            waiting=len(self._scheduler.waiting) + len(self._preparing),
            kv_used_tokens=self._cache.used_cells,
            kv_total_tokens=self._cache.total_cells,
            preemptions=self._scheduler.preemptions,
        )

    def close(self) -> None:
        self._executor.shutdown(cancel_futures=True)
        if self._model is not None:
            self._model.close()

    def _prepare(self, job: EngineJob, received_s: float) -> Sequence:
        sequence = self._preparer.prepare(job)
        sequence.received_s = received_s
        if job.begun is not None:
            sequence.started, sequence.cached_tokens = True, job.begun.cached_tokens
        if job.generated:
            sequence.replayed = self._generation.replay(sequence, job.generated)
            sequence.started = True
        else:
            self._generation.open(sequence)
        return sequence

    def _collect(self) -> list[Emitted]:
        """Schedule the jobs that are prepared; those that were refused, or need no token, end here."""
        emitted: list[Emitted] = []
        for job_id in [job_id for job_id, future in self._preparing.items() if future.done()]:
            future = self._preparing.pop(job_id)
            try:
                sequence = future.result()
            except JobError as error:
                emitted.append((job_id, error.failed))
                continue
            except Exception:
                log.exception("a job could not be prepared", extra={"job": job_id})
                emitted.append((job_id, Failed(500, "the engine could not prepare this request; its log tells why")))
                continue
            if sequence.replayed is None and sequence.max_tokens == 0:
                sequence.replayed = FinishReason.LENGTH
            if sequence.replayed is not None:
                emitted += [*self._begin(sequence), (job_id, self._done(sequence, sequence.replayed))]
                sequence.sampler.close()
                continue
            self._sequences[job_id] = sequence
            self._scheduler.add(sequence)
        return emitted

    def _decode(self, pieces: list[Piece]) -> NDArray[np.float32] | None:
        """Run the batch; None if it found no room, after making some."""
        assert self._model is not None
        batch = [
            BatchPiece(s.cache_id, s.computed, s.tokens[s.computed : s.computed + piece.length], piece.wants_logits)
            for piece in pieces
            for s in (piece.sequence,)
        ]
        try:
            return self._model.decode(batch)
        except DecodeError as error:
            if error.code != NO_ROOM:
                raise
            log.warning("the KV cache had no room for a batch; making some")
            self._cache.clear_kept()
            self._scheduler.preempt_youngest()
            return None

    def _advance_all(self, pieces: list[Piece], logits: NDArray[np.float32]) -> list[Emitted]:
        self._scheduler.computed(pieces)
        emitted: list[Emitted] = []
        generated = 0
        wanted = [piece.sequence for piece in pieces if piece.wants_logits]
        for sequence, row in zip(wanted, logits, strict=True):
            before = sequence.generated
            try:
                emitted += self._advance(sequence, row)
            except JobError as error:
                self._retire(sequence)
                emitted.append((sequence.job_id, error.failed))
            generated += sequence.generated - before
        self._throughput.count(sum(piece.length for piece in pieces), generated)
        return emitted

    def _advance(self, sequence: Sequence, logits: NDArray[np.float32]) -> list[Emitted]:
        emitted: list[Emitted] = []
        tokens, reason = self._generation.advance(sequence, logits)
        if sequence.ttft_s == 0.0:
            sequence.ttft_s = time.monotonic() - sequence.received_s
        if sequence.opening is not None:
            emitted.append((sequence.job_id, sequence.opening))
            sequence.opening = None
        if tokens is not None:
            emitted.append((sequence.job_id, tokens))
        if reason is not None:
            self._retire(sequence)
            emitted.append((sequence.job_id, self._done(sequence, reason)))
        return emitted

    def _begin_new(self, pieces: list[Piece]) -> list[Emitted]:
        return [event for piece in pieces for event in self._begin(piece.sequence)]

    def _begin(self, sequence: Sequence) -> list[Emitted]:
        """The first events of a sequence: that it has started, and its prompt if that is to be echoed."""
        if sequence.started:
            return []
        sequence.started = True
        self._throughput.count_prompt(sequence.prompt_length, sequence.cached_tokens)
        emitted: list[Emitted] = [(sequence.job_id, Started(sequence.prompt_length, sequence.cached_tokens))]
        if sequence.job.echo:
            emitted.append((sequence.job_id, Tokens(self._preparer.prompt_text(sequence), [])))
        return emitted

    def _retire(self, sequence: Sequence) -> None:
        self._scheduler.finish(sequence)
        del self._sequences[sequence.job_id]
        sequence.sampler.close()

    @staticmethod
    def _done(sequence: Sequence, reason: FinishReason) -> Done:
        return Done(reason, sequence.prompt_length, sequence.cached_tokens, sequence.generated, sequence.ttft_s)
