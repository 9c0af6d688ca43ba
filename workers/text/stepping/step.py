"""One step: the tokens that were planned are decoded, and each sequence whose logits that gave is advanced."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
from numpy.typing import NDArray

from shared.wire.jobs import AdapterSet
from shared.wire.payloads import Failed, FinishReason, JobError, Payload
from workers.engine import Emitted
from workers.text.cache.kv_cache import KVCache
from workers.text.cache.prefix import common_prefix
from workers.text.generation import Generation
from workers.text.model import AdaptableDecoder, BatchDecoder, BatchSlice, NoRoom
from workers.text.scheduling.boundaries import ended
from workers.text.scheduling.scheduled import ScheduledTokens
from workers.text.scheduling.scheduler import Scheduler
from workers.text.sequence import Sequence
from workers.text.stepping.media_computing import MediaComputing

log = logging.getLogger("nexa.text")


class StepRunner:
    """Computes the steps of one decoder, embeddings of ``media`` among them.

    ``retire`` is called with each sequence that a step ends, ``compared`` with each that had drafts, their number, and
    how many of them were drawn.
    """

    def __init__(
        self,
        decoder: BatchDecoder,
        cache: KVCache,
        scheduler: Scheduler,
        generation: Generation,
        retire: Callable[[Sequence], None],
        compared: Callable[[Sequence, int, int], None] | None = None,
        media: MediaComputing | None = None,
    ) -> None:
        self._decoder = decoder
        self._cache = cache
        self._scheduler = scheduler
        self._generation = generation
        self._retire = retire
        self._compared = compared
        self._media = media
        self._used_adapters: AdapterSet = ()

    def turn(self, scheduled: list[ScheduledTokens]) -> AbstractContextManager[None]:
        """Within the block, a step and its drafts are computed; the encoder of pictures, if there is one, waits."""
        return nullcontext() if self._media is None else self._media.step(scheduled)

    def decode(self, scheduled: list[ScheduledTokens]) -> NDArray[np.float32] | None:
        """Compute the batch. If the KV cache has no room for it, make some and return None."""
        adapters = scheduled[0].sequence.adapters
        if adapters != self._used_adapters:
            assert isinstance(self._decoder, AdaptableDecoder)
            self._decoder.use_adapters(adapters)
            self._used_adapters = adapters
        try:
            if scheduled[0].span is not None and self._media is not None:
                return self._media.decode(self._decoder, scheduled[0])
            return self._decoder.decode([_slice_of(part) for part in scheduled])
        except NoRoom:
            log.warning("KV cache without room for a batch, ended sequences evicted")
            self._cache.clear_kept()
            if not any(part.drafts for part in scheduled):
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
            emitted += self._advance_one(sequence, part.drafts, logits[end - 1 - len(part.drafts) : end])
            generated += sequence.generated - before
        return emitted, generated

    def _advance_one(self, sequence: Sequence, drafts: list[int], rows: NDArray[np.float32]) -> list[Emitted]:
        """Draw the next token, and go on as long as the drawn tokens are the drafted ones.

        The first row of logits is that of the last token, the next ones are those of the drafts. What was drafted
        behind the first token that was not drawn is cut from the cache.
        """
        payloads: list[Payload] = []
        failed: Failed | None = None
        reason: FinishReason | None = None
        begin = sequence.computed
        while reason is None and failed is None:
            try:
                drawn, reason = self._draw(sequence, rows[sequence.computed - begin])
                payloads += drawn
            except JobError as error:
                failed = error.failed
            agreed = common_prefix(sequence.tokens[sequence.computed :], drafts[sequence.computed - begin :])
            if agreed:
                self._scheduler.accept(sequence, agreed)
            if sequence.pending:
                break
        if drafts:
            first, behind = sequence.position(sequence.computed), sequence.position(begin + len(drafts))
            self._decoder.memory.cut(sequence.cache_id, first, behind)
            if self._compared is not None:
                self._compared(sequence, len(drafts), sequence.computed - begin)
        if reason is not None:
            payloads.append(ended(sequence, reason))
        if failed is not None:
            payloads.append(failed)
        if reason is not None or failed is not None:
            self._retire(sequence)
        return [(sequence.job_id, payload) for payload in payloads]

    def _draw(self, sequence: Sequence, logits: NDArray[np.float32]) -> tuple[list[Payload], FinishReason | None]:
        """Advance a sequence by one draw; what to send, and the reason if that ends it."""
        tokens, reason = self._generation.advance(sequence, logits)
        if sequence.ttft_s == 0.0:
            sequence.ttft_s = time.monotonic() - sequence.received_at_s
        payloads: list[Payload] = [part for part in (sequence.forced_start, tokens) if part is not None]
        sequence.forced_start = None
        return payloads, reason


def _slice_of(part: ScheduledTokens) -> BatchSlice:
    sequence, start = part.sequence, part.sequence.computed
    tokens = [*sequence.tokens[start : start + part.length], *part.drafts]
    return BatchSlice(sequence.cache_id, sequence.position(start), tokens, part.outputs)
