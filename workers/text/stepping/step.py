"""One step: the tokens that were planned are decoded, and each sequence whose logits that gave is advanced."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from shared.wire.jobs import AdapterSet
from shared.wire.payloads import JobError
from workers.engine import Emitted
from workers.text.cache.kv_cache import KVCache
from workers.text.generation import Generation
from workers.text.model import AdaptableDecoder, BatchDecoder, BatchSlice, NoRoom
from workers.text.scheduling.boundaries import ended
from workers.text.scheduling.scheduled import ScheduledTokens
from workers.text.scheduling.scheduler import Scheduler
from workers.text.sequence import Sequence

log = logging.getLogger("nexa.text")


class StepRunner:
    """Computes the steps of one decoder. ``retire`` is called with each sequence that a step ends."""

    def __init__(
        self,
        decoder: BatchDecoder,
        cache: KVCache,
        scheduler: Scheduler,
        generation: Generation,
        retire: Callable[[Sequence], None],
    ) -> None:
        self._decoder = decoder
        self._cache = cache
        self._scheduler = scheduler
        self._generation = generation
        self._retire = retire
        self._used_adapters: AdapterSet = ()

    def decode(self, scheduled: list[ScheduledTokens]) -> NDArray[np.float32] | None:
        """Compute the batch. If the KV cache has no room for it, make some and return None."""
        adapters = scheduled[0].sequence.adapters
        if adapters != self._used_adapters:
            assert isinstance(self._decoder, AdaptableDecoder)
            self._decoder.use_adapters(adapters)
            self._used_adapters = adapters
        try:
            return self._decoder.decode([_slice_of(part) for part in scheduled])
        except NoRoom:
            log.warning("KV cache without room for a batch, ended sequences evicted")
            self._cache.clear_kept()
            self._scheduler.preempt_youngest()
            return None

    def advance(self, scheduled: list[ScheduledTokens], logits: NDArray[np.float32]) -> tuple[list[Emitted], int]:
        """Advance the sequences whose logits were computed; returns the events and the number of generated tokens."""
        self._scheduler.complete(scheduled)
        emitted: list[Emitted] = []
        generated = 0
        end = 0
        for part in scheduled:
            if not part.outputs:
                continue
            sequence, begin, end = part.sequence, end, end + part.outputs
            if part.echoes:
                start = sequence.computed - part.echoes
                emitted.append((sequence.job_id, self._generation.echo(sequence, start, logits[begin:end])))
            if not part.wants_logits:
                continue
            before = sequence.generated
            try:
                emitted += self._advance_one(sequence, logits[end - 1])
            except JobError as error:
                self._retire(sequence)
                emitted.append((sequence.job_id, error.failed))
            generated += sequence.generated - before
        return emitted, generated

    def _advance_one(self, sequence: Sequence, logits: NDArray[np.float32]) -> list[Emitted]:
        emitted: list[Emitted] = []
        tokens, reason = self._generation.advance(sequence, logits)
        if sequence.ttft_s == 0.0:
            sequence.ttft_s = time.monotonic() - sequence.received_at_s
        if sequence.forced_start is not None:
            emitted.append((sequence.job_id, sequence.forced_start))
            sequence.forced_start = None
        if tokens is not None:
            emitted.append((sequence.job_id, tokens))
        if reason is not None:
            self._retire(sequence)
            emitted.append((sequence.job_id, ended(sequence, reason)))
        return emitted


def _slice_of(part: ScheduledTokens) -> BatchSlice:
    sequence, start = part.sequence, part.sequence.computed
    return BatchSlice(sequence.cache_id, start, sequence.tokens[start : start + part.length], part.outputs)
