"""Continuous batching: which tokens of which sequences the next decode step computes.

Each step takes the pending tokens of all generating sequences first, then chunks of prompts up to the step's token
budget. So a long prompt never stalls running streams.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from workers.llama.cache.kv_cache import CacheFull, KVCache
from workers.llama.cache.prefix import common_prefix
from workers.llama.prefill_budget import PrefillBudget
from workers.llama.sequence import Sequence, SequenceState

MIN_SHARED_TOKENS = 16
"""A prompt waits for another that is in prefill if sharing their common prefix saves at least this many tokens."""

MAX_ECHOED_TOKENS = 128
"""Tokens of a prompt that one step takes if the log probabilities of all of them are wanted.

Each costs a row of logits in memory, and some tenths of a millisecond to read it.
"""

HEADROOM_CELLS = 32
"""Cells left free for each running sequence when another is admitted, so that none is preempted at once."""


@dataclass(frozen=True, slots=True)
class ScheduledTokens:
    """The next ``length`` tokens of a sequence; ``wants_logits`` if its last token is among them.

    ``echoes`` is how many of them, the last ones, give log probabilities of the prompt that are still to be sent.
    """

    sequence: Sequence
    length: int
    wants_logits: bool
    echoes: int = 0

    @property
    def outputs(self) -> int:
        """How many of the tokens, the last ones, give logits."""
        return self.echoes or int(self.wants_logits)


class Scheduler:
    """The waiting and running sequences of one worker.

    ``slots`` bounds the running ones; ``batch_tokens`` is the maximum size of a batch. With ``separate_from_cells`` or
    more used cells, streams and prompts take turns in separate batches; None for never. On a CPU, llama.cpp's attention
    skips the cells of other sequences one by one in a small batch, and by tiles in a large one. A tile with tokens of
    many sequences cannot skip the cells of any of them, so large mixed batches are slow.
    """

    def __init__(
        self,
        cache: KVCache,
        slots: int,
        batch_tokens: int,
        target_step_s: float = 0.35,
        separate_from_cells: int | None = None,
    ) -> None:
        self._cache = cache
        self._slots = slots
        self._batch_tokens = batch_tokens
        self._separate_from_cells = cache.total_cells + 1 if separate_from_cells is None else separate_from_cells
        self.budget = PrefillBudget(batch_tokens, target_step_s)
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []
        self.preemptions = 0
        self._prompts_turn = False

    def add(self, sequence: Sequence) -> None:
        """Queue a new sequence."""
        self.waiting.append(sequence)

    def has_work(self) -> bool:
        """Whether any sequence waits or runs."""
        return bool(self.waiting or self.running)

    def finish(self, sequence: Sequence) -> None:
        """Remove an ended sequence; the cache keeps its tokens for others."""
        if sequence.state is SequenceState.WAITING:
            self.waiting.remove(sequence)
        else:
            self.running.remove(sequence)
            self._cache.keep(sequence.cache_id)
        sequence.move(SequenceState.FINISHED)

    def plan(self) -> list[ScheduledTokens]:
        """Choose the next step's tokens and reserve their cells. The list is empty only if there is no work."""
        self._admit()
        if self._separates() and self._prompts_turn:
            return self._plan_prompts([]) or self._plan_streams()
        scheduled = self._plan_streams()
        if scheduled and self._separates():
            return scheduled
        return self._plan_prompts(scheduled)

    def complete(self, scheduled: list[ScheduledTokens]) -> None:
        """Record a decoded step in the cache; sequences whose prompt is complete begin to generate."""
        self._prompts_turn = all(part.sequence.state is SequenceState.DECODE for part in scheduled)
        for part in scheduled:
            sequence = part.sequence
            end = sequence.computed + part.length
            self._cache.extend(sequence.cache_id, sequence.tokens[sequence.computed : end])
            sequence.computed = end
            if sequence.state is SequenceState.PREFILL and sequence.pending == 0:
                sequence.move(SequenceState.DECODE)

    def preempt_youngest(self) -> Sequence | None:
        """Move the youngest running sequence to the front of the queue; None if at most one runs."""
        if len(self.running) < 2:
            return None
        sequence = max(self.running, key=lambda s: s.received_at_s)
        self.running.remove(sequence)
        self._cache.release(sequence.cache_id)
        sequence.cache_id, sequence.computed = -1, 0
        sequence.move(SequenceState.WAITING)
        self.waiting.appendleft(sequence)
        self.preemptions += 1
        return sequence

    def _separates(self) -> bool:
        """Whether streams and prompts take turns in this step."""
        return self._cache.used_cells >= self._separate_from_cells and len({s.state for s in self.running}) > 1

    def _plan_streams(self) -> list[ScheduledTokens]:
        scheduled: list[ScheduledTokens] = []
        room = self._batch_tokens
        for sequence in [s for s in self.running if s.state is SequenceState.DECODE]:
            if sequence.state is SequenceState.DECODE:  # it may have been preempted for an earlier one
                length = min(sequence.pending, room)
                if length and self._make_room(sequence, length + _cells_of(scheduled), scheduled):
                    scheduled.append(ScheduledTokens(sequence, length, length == sequence.pending))
                    room -= length
        return [part for part in scheduled if part.sequence.state is SequenceState.DECODE]

    def _plan_prompts(self, scheduled: list[ScheduledTokens]) -> list[ScheduledTokens]:
        """Add chunks of prompts to the tokens of streams."""
        taken = sum(part.length for part in scheduled)
        streams_running = any(s.state is SequenceState.DECODE for s in self.running)
        budget = self.budget.tokens(taken) if streams_running else self._batch_tokens
        self._plan_prefill(scheduled, min(self._batch_tokens - taken, budget))
        return scheduled

    def _plan_prefill(self, scheduled: list[ScheduledTokens], budget: int) -> None:
        for sequence in self._prefill_order(budget):
            if budget <= 0:
                return
            if sequence.state is not SequenceState.PREFILL:  # preempted for an older one
                continue
            length = min(sequence.pending, budget)
            if sequence.wants_prompt_logprobs:
                length = min(length, sequence.first_echoing - sequence.computed + MAX_ECHOED_TOKENS)
            if length == sequence.pending > 1 and len(self.running) == 1:
                # The batch's shape changes the rounding. A repeated prompt is cached except for its last token, so it
                # gives the same text again only if that token was computed alone the first time too.
                length -= 1
            try:
                self._cache.reserve(length + _cells_of(scheduled))
            except CacheFull:
                if scheduled or not self._make_room(sequence, length, scheduled):
                    return
            echoes = 0
            if sequence.wants_prompt_logprobs:
                echoes = max(sequence.computed + length - sequence.first_echoing, 0)
            scheduled.append(ScheduledTokens(sequence, length, length == sequence.pending, echoes))
            budget -= length

    def _prefill_order(self, budget: int) -> list[Sequence]:
        """Oldest first, except that short prompts that fit together into half the budget go before it."""
        filling = [s for s in self.running if s.state is SequenceState.PREFILL]
        short: list[Sequence] = []
        room = budget // 2
        for sequence in sorted(filling[1:], key=lambda s: s.pending):
            room -= sequence.pending
            if room < 0:
                break
            short.append(sequence)
        return [*short, *(s for s in filling if s not in short)]

    def _make_room(self, sequence: Sequence, cells: int, scheduled: list[ScheduledTokens]) -> bool:
        """Reserve cells for a running sequence, preempting younger ones; False if it is itself the youngest."""
        while True:
            try:
                self._cache.reserve(cells)
            except CacheFull:
                preempted = self.preempt_youngest()
                if preempted is None or preempted is sequence:
                    return False
                cells -= sum(part.length for part in scheduled if part.sequence is preempted)
            else:
                return True

    def _admit(self) -> None:
        """Start waiting sequences, first come first served, while there are slots and cells."""
        postponed: list[Sequence] = []
        while self.waiting and len(self.running) < self._slots:
            sequence = self.waiting.popleft()
            if self._shares_with_prefill(sequence):
                postponed.append(sequence)
                continue
            if not self._start(sequence):
                self.waiting.appendleft(sequence)
                break
        self.waiting.extendleft(reversed(postponed))

    def _start(self, sequence: Sequence) -> bool:
        """Run a sequence, with a cache id and its cached prefix, if the rest fits beside the running ones."""
        promised = sum(s.pending + HEADROOM_CELLS for s in self.running)
        shareable = sequence.tokens[: sequence.shareable]
        fresh = len(sequence.tokens) - self._cache.match(shareable)
        if self.running and not self._cache.could_reserve(min(fresh + promised, self._cache.total_cells)):
            return False
        try:
            sequence.cache_id, sequence.computed = self._cache.open(shareable)
        except CacheFull:
            return False
        if not sequence.started:
            sequence.cached_tokens = min(sequence.computed, sequence.prompt_length)
        sequence.move(SequenceState.PREFILL)
        self.running.append(sequence)
        return True

    def _shares_with_prefill(self, sequence: Sequence) -> bool:
        """Whether a prompt that is in prefill will hold a longer prefix of this one than the cache does now."""
        cached = -1
        for other in self.running:
            if other.state is not SequenceState.PREFILL:
                continue
            common = min(common_prefix(other.tokens, sequence.tokens), sequence.shareable)
            if common > other.computed:
                if cached < 0:
                    cached = self._cache.match(sequence.tokens[: sequence.shareable])
                if common - cached >= MIN_SHARED_TOKENS:
                    return True
        return False


def _cells_of(scheduled: list[ScheduledTokens]) -> int:
    """Cells that a step will take; sequences preempted while planning need none."""
    return sum(part.length for part in scheduled if part.sequence.state is not SequenceState.WAITING)
