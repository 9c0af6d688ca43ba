"""The text engine: continuous batching over one decoder."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from functools import partial
from typing import Generic, TypeVar

from shared.memory.cells import MAX_ENDED_SEQUENCES, MAX_ENDED_STATES
from shared.models.adapters import UnknownAdapterError, settled_adapters
from shared.wire.jobs import AdapterSet, TextJob, TokenizeJob
from shared.wire.messages import EngineStats
from shared.wire.payloads import Done, Failed, FinishReason, JobError, Started, Tokenized
from workers.engine import DiskPlace, Emitted, EngineInfo, EngineJob
from workers.text.cache.copy_costs import CopyCosts
from workers.text.cache.disk.tier import DiskStats, DiskTier, open_tier
from workers.text.cache.kv_cache import KVCache
from workers.text.cache.main_memory import KeptInMemory
from workers.text.chat_loading import load_chats
from workers.text.constraints.compiler import GrammarCompiler
from workers.text.generation import Generation
from workers.text.lanes import PreparationLanes
from workers.text.media.reading import MediaReader
from workers.text.model import DecoderSize, LastingModel, TextModel
from workers.text.options import TextOptions
from workers.text.preparation import JobPreparer, has_files, has_grammar
from workers.text.prompts.prompt_tokens import PromptTokens
from workers.text.prompts.tokenizing import Tokenizer
from workers.text.sandbox.attempt import Limits, PreparationAttempt
from workers.text.sandbox.sandbox import Sandbox
from workers.text.scheduling.boundaries import begun, ended
from workers.text.scheduling.scheduled import ScheduledTokens
from workers.text.scheduling.scheduler import Scheduler
from workers.text.sequence import Sequence
from workers.text.speculation.opening import LoadDraft, open_speculation
from workers.text.speculation.speculation import Speculation
from workers.text.stepping.figures import StepTotals, engine_stats
from workers.text.stepping.media_computing import MediaComputing, open_media, taken_media
from workers.text.stepping.step import StepRunner
from workers.token_rate import TokenRate

log = logging.getLogger("nexa.text")

PREPARING_WAIT_S = 0.05
"""Longest time that a step without work waits for a job that is being prepared.

Any step waits so once for the new job of a user with nothing running, which would otherwise wait for the whole step.
"""
RATE_WINDOW_S = 5.0
"""The token rate is that of this last time."""
PREPARATION_FAILED = Failed(500, "the engine failed to prepare this request; the server's log has the reason")

TOKENIZING, NOTHING_GENERATED = Started(0, 0), Done(FinishReason.STOP, 0, 0, 0, 0.0)
"""Around the tokens of a job that only wants to know them."""

Prepared = Sequence | Tokenized

M = TypeVar("M", bound=TextModel)

LoadModel = Callable[[Callable[[float], None]], M]
"""Loads a model, and calls what it is given with the fraction done (0 to 1). It may raise :class:`EngineLoadError`."""


class TextEngine(Generic[M]):
    """Serves the text jobs of one model.

    Jobs are rendered, tokenised and compiled in other threads, so that a long prompt or a large schema does not
    delay running sequences. Users take turns there too.
    """

    def __init__(
        self, options: TextOptions, vocabulary: str, load_model: LoadModel[M], load_draft: LoadDraft | None = None
    ) -> None:
        self._options = options
        self._vocabulary_reader = vocabulary
        self._load_model = load_model
        self._load_draft = load_draft
        self._limits = Limits(options.compile_time_s, options.compile_memory_bytes)
        self._lanes: PreparationLanes[Prepared] = PreparationLanes(self._limits)
        self._preparing: dict[str, Future[Prepared]] = {}
        self._newcomers: list[Future[Prepared]] = []
        self._sequences: dict[str, Sequence] = {}
        self._resources = ExitStack()
        self._rate = TokenRate(RATE_WINDOW_S)
        self._totals = StepTotals()
        self._model: M | None = None
        self._sandbox: Sandbox | None = None
        self._speculation: Speculation | None = None
        self._media: MediaComputing | None = None
        self._disk_place: DiskPlace | None = None
        self._disk: DiskTier[Prepared] | None = None

    @property
    def model(self) -> M:
        """The loaded model."""
        assert self._model is not None
        return self._model

    def load(self, report: Callable[[float], None]) -> EngineInfo:
        options = self._options
        self._sandbox = sandbox = Sandbox(options.path, self._vocabulary_reader)  # reads the file beside this process
        self._resources.callback(sandbox.close)
        model = self._load_model(lambda fraction: report(0.95 * fraction))
        self._resources.callback(model.close)
        self._model = model
        context_tokens = options.context_for(model.trained_tokens)
        compiler = GrammarCompiler(model.vocabulary)
        self._generation = Generation(model.vocabulary)
        has_ends = model.needs_checkpoints(options.cells_for(context_tokens), options.slots)
        attempt = PreparationAttempt(self._limits)
        with ThreadPoolExecutor(1, "chats") as beside:  # a large vocabulary is read in Python for tenths of a second
            loading = beside.submit(load_chats, options.chat_template, model, sandbox, attempt, options.reasoning)
            slots = self._open_decoder(model, context_tokens, has_ends)
            chats = loading.result()
        projector = None if self._media is None else self._media.projector
        media = taken_media(projector)
        prompts = PromptTokens(model.vocabulary, chats, sandbox, MediaReader(sandbox, projector, media))
        self._preparer = JobPreparer(model.vocabulary, chats, prompts, sandbox, compiler, context_tokens, has_ends)
        self._tokenizer = Tokenizer(model.vocabulary, prompts, context_tokens)
        report(1.0)
        return EngineInfo(slots, context_tokens, model.device, thinks=chats.thinks, media=media)

    def submit(self, job: EngineJob) -> list[Emitted]:
        prepare: Callable[[PreparationAttempt], Prepared] = partial(self._prepare, job, time.monotonic())
        if isinstance(job.work, TokenizeJob):
            prepare = partial(self._tokenizer.tokenize, job.work, job.blobs)
        kinds = has_grammar(job.work), has_files(job.work)
        future = self._lanes.submit(job.job_id, job.party, prepare, *kinds)
        self._preparing[job.job_id] = future
        if isinstance(job.work, TextJob) and not self._scheduler.has_running(job.party):
            self._newcomers.append(future)
        return []

    def cancel(self, job_id: str) -> None:
        self._preparing.pop(job_id, None)
        self._lanes.cancel(job_id)
        sequence = self._sequences.get(job_id)
        if sequence is not None:
            self._retire(sequence)

    def has_work(self) -> bool:
        return bool(self._preparing) or self._scheduler.has_work()

    def keep_on_disk(self, place: DiskPlace) -> None:
        self._disk_place = place

    def rest(self) -> float | None:
        return None if self._disk is None else self._disk.rest()

    def settle(self) -> None:
        if self._disk is not None:
            self._disk.settle()

    def step(self) -> list[Emitted]:
        if self._newcomers:
            wait(self._newcomers, timeout=PREPARING_WAIT_S)
            self._newcomers.clear()
        emitted = self._collect() + self._end_failed_media()
        scheduled = self._scheduler.plan()
        emitted += self._begin_new(scheduled)
        if emitted:
            return emitted  # sent before the decode, which could crash this process
        if not scheduled:
            if self._media is not None and self._media.encoder.is_busy:
                self._media.wait(PREPARING_WAIT_S)
            elif self._preparing:
                wait(self._preparing.values(), timeout=PREPARING_WAIT_S, return_when=FIRST_COMPLETED)
            return []
        drafting_at_s = time.monotonic()
        with self._steps.turn(scheduled):
            if self._speculation is not None:
                scheduled = self._speculation.extend(scheduled)
            began_at_s = time.monotonic()
            logits = self._steps.decode(scheduled)
        if logits is None:
            return []
        emitted, generated = self._steps.advance(scheduled, logits)
        ended_at_s = time.monotonic()
        self._observe(scheduled, ended_at_s - began_at_s)
        self._rate.count(generated, drafting_at_s, ended_at_s)
        self._totals.steps += 1
        return emitted

    def stats(self) -> EngineStats:
        disk = DiskStats() if self._disk is None else self._disk.stats()
        rate, preparing = self._rate.per_s(time.monotonic()), len(self._preparing)
        of_parts = (self._scheduler, self._cache, self._speculation, self._media, disk)
        return engine_stats(self._totals, self._rate.total, rate, preparing, *of_parts)

    def close(self) -> None:
        self._lanes.close()
        if self._disk is not None:
            self._disk.close()
        self._resources.close()

    def _open_decoder(self, model: M, context_tokens: int, has_ends: bool) -> int:
        """Make the decoder with its cache and scheduler; returns the number of slots."""
        options = self._options
        cells = options.cells_for(context_tokens)
        most = MAX_ENDED_STATES if has_ends else MAX_ENDED_SEQUENCES
        sequences = min(options.slots + (most if model.can_share_prefixes else 0), model.max_sequences)
        size = DecoderSize(cells, sequences, context_tokens, options.batch_tokens, options.threads, has_ends)
        self._decoder = model.open_decoder(size)
        self._resources.callback(self._decoder.close)
        kept_cells = options.gpu_kept_tokens if model.on_gpu else options.kept_tokens
        separate_from_cells = None if model.on_gpu else options.separate_from_tokens
        self._copy_costs = CopyCosts() if model.on_gpu else None
        kept = KeptInMemory.within(options.cache_bytes, has_ends, self._disk_place is not None)
        self._cache = KVCache(
            self._decoder.memory,
            cells,
            sequences,
            model.can_share_prefixes,
            kept_cells,
            kept.host,
            self._copy_costs,
            kept.checkpoints,
        )
        if self._disk_place is not None:
            identity = partial(model.identity, size) if isinstance(model, LastingModel) else None
            self._disk = open_tier(self._disk_place, identity, kept, self._cache, model.on_gpu)
        slots = min(options.slots, sequences)
        self._media = open_media(model, self._decoder, self._resources)
        embeddings = None if self._media is None else self._media.encoder
        self._scheduler = Scheduler(
            self._cache, slots, options.batch_tokens, options.target_step_s, separate_from_cells, embeddings
        )
        self._speculation = open_speculation(
            options.speculation, model, self._decoder, self._cache, size, kept_cells, self._load_draft, self._resources
        )
        compared = None if self._speculation is None else self._speculation.compared
        runs = (self._decoder, self._cache, self._scheduler, self._generation, self._retire, compared, self._media)
        self._steps = StepRunner(*runs)
        return slots

    def _prepare(self, job: EngineJob, received_at_s: float, attempt: PreparationAttempt) -> Sequence:
        sequence = self._preparer.prepare(job, attempt)
        sequence.received_at_s = received_at_s
        sequence.user, sequence.weight = job.user, job.weight
        sequence.adapters = self._adapters_of(sequence.job)
        owner = job.user if self._options.share_prefixes == "user" else ""
        sequence.cache_owner = sequence.media_owner = owner
        if sequence.adapters:
            sequence.cache_owner = f"{sequence.cache_owner}\0{sequence.adapters}"
        if job.begun is not None:
            sequence.started, sequence.cached_tokens = True, job.begun.cached_tokens
        if job.generated:
            sequence.takeover_end = self._generation.take_over(sequence, job.generated)
            sequence.started = True
        else:
            self._generation.start(sequence)
        return sequence

    def _adapters_of(self, job: TextJob) -> AdapterSet:
        try:
            return settled_adapters(job.adapters, self._options.adapters)
        except UnknownAdapterError as error:
            raise JobError(400, f"lora: {error}", "lora") from None

    def _collect(self) -> list[Emitted]:
        """Schedule the prepared jobs; those that are refused, or need no token, end here."""
        if self._preparing:
            self._lanes.expire()
        if self._disk is not None:
            self._disk.note_work()
        emitted: list[Emitted] = []
        for job_id in [job_id for job_id, future in self._preparing.items() if future.done()]:
            future = self._preparing.pop(job_id)
            try:
                sequence = future.result()
                if isinstance(sequence, Tokenized):
                    emitted += [(job_id, payload) for payload in (TOKENIZING, sequence, NOTHING_GENERATED)]
                    continue
            except JobError as error:
                emitted.append((job_id, error.failed))
                continue
            except Exception:
                log.exception("job preparation failed", extra={"job": job_id})
                emitted.append((job_id, PREPARATION_FAILED))
                continue
            if sequence.max_tokens == 0 and not sequence.wants_prompt_logprobs:
                sequence.takeover_end = FinishReason.LENGTH
            if sequence.takeover_end is not None:
                emitted += [*self._begin(sequence), (job_id, ended(sequence, sequence.takeover_end))]
                sequence.sampler.close()
                continue
            if self._disk is not None and not sequence.fetched:
                sequence.fetched = True
                tokens = sequence.tokens[: sequence.shareable]
                fetching = self._disk.fetch(sequence, tokens, sequence.cache_owner)
                if fetching is not None:
                    self._preparing[job_id] = fetching
                    continue
            self._sequences[job_id] = sequence
            self._scheduler.add(sequence)
        return emitted

    def _end_failed_media(self) -> list[Emitted]:
        """End the jobs whose pictures or recordings cannot be encoded."""
        failed = [] if self._media is None else self._media.failed(self._scheduler.media)
        for sequence, _ in failed:
            self._retire(sequence)
        return [(sequence.job_id, failure) for sequence, failure in failed]

    def _observe(self, scheduled: list[ScheduledTokens], duration_s: float) -> None:
        self._scheduler.observe(scheduled, duration_s)
        if self._speculation is not None:
            self._speculation.observe(scheduled, duration_s)
        if self._disk is not None:
            self._disk.costs.observe_step(sum(part.width for part in scheduled), duration_s)
        if self._copy_costs is not None:
            self._copy_costs.observe_step(sum(part.width for part in scheduled), duration_s)

    def _begin_new(self, scheduled: list[ScheduledTokens]) -> list[Emitted]:
        return [event for part in scheduled for event in self._begin(part.sequence)]

    def _begin(self, sequence: Sequence) -> list[Emitted]:
        if sequence.started:
            return []
        sequence.started = True
        self._totals.prompt_tokens += sequence.prompt_length
        self._totals.cached_tokens += sequence.cached_tokens
        return [(sequence.job_id, payload) for payload in begun(sequence)]

    def _retire(self, sequence: Sequence) -> None:
        self._scheduler.finish(sequence)
        del self._sequences[sequence.job_id]
        if self._speculation is not None:
            self._speculation.forget(sequence)
        sequence.sampler.close()
