"""Continuous batching: which tokens of which sequences the next decode step computes.

Each step takes the pending tokens of all generating sequences first, then chunks of prompts up to the step's token
budget. So a long prompt never stalls running streams. Users take turns: in starting, in the prompts' tokens, and in
giving up their cells (:mod:`workers.text.scheduling.fairness`). A step has sequences of one set of adapters
(:mod:`workers.text.scheduling.adapter_turns`).
"""

from __future__ import annotations

from collections import deque

from workers.engine import Party
from workers.text.cache.kv_cache import CacheFull, KVCache
from workers.text.scheduling.adapter_turns import AdapterTurns
from workers.text.scheduling.checkpoint_places import last_place
from workers.text.scheduling.fairness import FairTurns, choose_victim, choose_youngest
from workers.text.scheduling.media_turns import EmbeddingSource, MediaTurns, embeddings_length
from workers.text.scheduling.prefill_budget import PlannedStep, PrefillBudget
from workers.text.scheduling.prompt_order import (
    depth_of,
    is_long,
    oldest_without,
    planned_step,
    prompt_order,
    prompts_of_turn,
)
from workers.text.scheduling.prompt_parts import prompt_part
from workers.text.scheduling.scheduled import ScheduledTokens, cells_of
from workers.text.scheduling.sharing import shares_with_prefill
from workers.text.sequence import Sequence, SequenceState

HEADROOM_CELLS = 32
"""Cells left free for each running sequence when another is admitted, so that none is preempted at once."""


class Scheduler:
    """The waiting and running sequences of one worker.

    ``slots`` bounds the running ones; ``batch_tokens`` is the maximum size of a batch. With ``separate_from_cells`` or
    more used cells, streams and prompts take turns in separate batches; None for never. On a CPU, llama.cpp's attention
    skips the cells of other sequences one by one in a small batch, and by tiles in a large one. A tile with tokens of
    many sequences cannot skip the cells of any of them, so large mixed batches are slow. ``embeddings`` are those of
    pictures and recordings in prompts; None where the model takes text only.
    """

    def __init__(
        self,
        cache: KVCache,
        slots: int,
        batch_tokens: int,
        target_step_s: float = 0.45,
        separate_from_cells: int | None = None,
        embeddings: EmbeddingSource | None = None,
    ) -> None:
        self._cache = cache
        self._slots = slots
        self._batch_tokens = batch_tokens
        self._has_tiles = separate_from_cells is not None
        self._separate_from_cells = cache.total_cells + 1 if separate_from_cells is None else separate_from_cells
        self.budget = PrefillBudget(batch_tokens, target_step_s)
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []
        self.preemptions = 0
        self._turns = FairTurns()
        self._adapter_turns = AdapterTurns()
        self._planned = PlannedStep()
        self.media = MediaTurns(embeddings)

    def add(self, sequence: Sequence) -> None:
        """Queue a new sequence."""
        self._turns.enter(sequence)
        self._adapter_turns.enter(sequence)
        self.waiting.append(sequence)

    def has_work(self) -> bool:
        """Whether any sequence waits or runs."""
        return bool(self.waiting or self.running)

    def has_running(self, party: Party) -> bool:
        """Whether any sequence of a user runs."""
        return any(sequence.party == party for sequence in self.running)

    def finish(self, sequence: Sequence) -> None:
        """Remove an ended sequence; the cache keeps its tokens for others."""
        if sequence.state is SequenceState.WAITING:
            self.waiting.remove(sequence)
        else:
            self.running.remove(sequence)
            self._cache.keep(sequence.cache_id)
        self.media.stop(sequence)
        self._turns.leave(sequence)
        self._adapter_turns.leave(sequence)
        sequence.move(SequenceState.FINISHED)

    def plan(self) -> list[ScheduledTokens]:
        """Choose the next step's tokens and reserve their cells.

        The list is empty only if there is no work, or all of it waits for embeddings.
        """
        self._admit()
        for sequences in self._adapter_turns.turns(self.running):
            first, second = (self._plan_media, self._plan_step)[:: 1 if self.media.is_next else -1]
            if scheduled := first(sequences) or second(sequences):
                self._planned = planned_step(scheduled)
                return scheduled
        return []

    def _plan_step(self, sequences: list[Sequence]) -> list[ScheduledTokens]:
        """The tokens of a step of these running sequences. It is empty if they were all preempted for others."""
        if not sequences:
            return []
        separates = self._separates(sequences)
        scheduled = self._plan_streams(sequences)
        if self._begin_rows(sequences, scheduled):
            return scheduled
        if not separates:
            return self._plan_prompts(sequences, scheduled)
        if self._adapter_turns.group_of(sequences[0]).prompts_turn:
            return self._plan_prompts(sequences, []) or self._plan_streams(sequences)
        return scheduled or self._plan_prompts(sequences, [])

    def _plan_media(self, sequences: list[Sequence]) -> list[ScheduledTokens]:
        """Embeddings of one of these running sequences."""
        ready = self.media.ready(sequences)
        if not ready:
            return []
        depth = depth_of(ready)
        streams = any(sequence.state is SequenceState.DECODE for sequence in self.running)
        budget = min(self.budget.tokens(0, depth) if streams else self.budget.alone(depth), self._batch_tokens)
        for sequence in self._turns.prefill_order(ready, budget):
            span = sequence.next_medium
            if span is None or sequence.state is not SequenceState.PREFILL:  # preempted for an older one
                continue
            length = embeddings_length(sequence, span, budget)
            if self._make_room(sequence, length, []):
                return [ScheduledTokens(sequence, length, length == sequence.pending, span=span)]
        return []

    def observe(self, scheduled: list[ScheduledTokens], duration_s: float) -> None:
        """Learn from how long the planned step took."""
        self.budget.observe(self._planned, duration_s)
        self._adapter_turns.observe((part.sequence.party for part in scheduled), duration_s)

    def complete(self, scheduled: list[ScheduledTokens]) -> None:
        """Record a decoded step in the cache; sequences whose prompt is complete begin to generate."""
        if not scheduled:
            return
        group = self._adapter_turns.group_of(scheduled[0].sequence)
        self.media.is_next = scheduled[0].span is None
        if self.media.is_next:  # steps with embeddings change nothing in the turns of texts
            group.prompts_turn = all(part.sequence.state is SequenceState.DECODE for part in scheduled)
            if not group.prompts_turn:
                group.left_out = oldest_without(scheduled, self.running)
        for part in scheduled:
            sequence = part.sequence
            end = sequence.computed + part.length
            self._cache.extend(sequence.cache_id, sequence.tokens[sequence.computed : end])
            sequence.computed = end
            self.media.advance(sequence)
            self._turns.charge(sequence, part.length)
            if sequence.state is SequenceState.PREFILL:
                if self._cache.needs_checkpoints and last_place(sequence, end) == end:
                    self._cache.checkpoint(sequence.cache_id)
                if sequence.pending == 0:
                    sequence.move(SequenceState.DECODE)

    def accept(self, sequence: Sequence, tokens: int) -> None:
        """Record that the next tokens of a generating sequence are computed already, as they were drafted.

        Its user is charged for them as if each had had a step. Refused drafts cost users nothing: they are the worker's
        own bets, which it makes only where it expects to gain time by them.
        """
        end = sequence.computed + tokens
        self._cache.extend(sequence.cache_id, sequence.tokens[sequence.computed : end])
        sequence.computed = end
        self._turns.charge(sequence, tokens)

    def preempt_youngest(self) -> Sequence | None:
        """Move a running sequence, of the user with the most, to the front of the queue; None if at most one runs."""
        if len(self.running) < 2:
            return None
        sequence = choose_youngest(self.running)
        self._preempt(sequence)
        return sequence

    def _preempt(self, sequence: Sequence) -> None:
        """Move a running sequence to the front of the queue. Its tokens stay cached until their cells are needed."""
        self.running.remove(sequence)
        self._cache.keep(sequence.cache_id)
        self.media.stop(sequence)
        sequence.reached = max(sequence.reached, sequence.computed)
        sequence.cache_id, sequence.computed = -1, 0
        sequence.move(SequenceState.WAITING)
        self.waiting.appendleft(sequence)
        self.preemptions += 1

    def _separates(self, sequences: list[Sequence]) -> bool:
        """Whether streams and prompts take turns in this step."""
        return self._cache.used_cells >= self._separate_from_cells and len({s.state for s in sequences}) > 1

    def _plan_streams(self, sequences: list[Sequence]) -> list[ScheduledTokens]:
        scheduled: list[ScheduledTokens] = []
        room = self._batch_tokens
        for sequence in [s for s in sequences if s.state is SequenceState.DECODE]:
            if sequence.state is SequenceState.DECODE:  # it may have been preempted for an earlier one
                length = min(sequence.pending, room)
                if length and self._make_room(sequence, length + cells_of(scheduled), scheduled):
                    scheduled.append(ScheduledTokens(sequence, length, length == sequence.pending))
                    room -= length
        return [part for part in scheduled if part.sequence.state is SequenceState.DECODE]

    def _begin_rows(self, sequences: list[Sequence], scheduled: list[ScheduledTokens]) -> bool:
        """Add a few tokens of a long prompt to those of streams; False if prompts have steps of their own now."""
        prompts = prompts_of_turn(sequences, self._adapter_turns.group_of(sequences[0]).left_out)
        if not self._has_tiles or not scheduled or not prompts or not is_long(prompts[0]):
            return False
        rows = self.budget.rows(sum(part.length for part in scheduled), depth_of(prompts))
        if rows and not self.budget.pace.is_due(len(scheduled)):
            self._plan_prefill(sequences, self._turns.prefill_order(prompts, rows), scheduled, rows)
        return rows > 0

    def _plan_prompts(self, sequences: list[Sequence], scheduled: list[ScheduledTokens]) -> list[ScheduledTokens]:
        """Add chunks of prompts to the tokens of streams."""
        group = self._adapter_turns.group_of(sequences[0])
        prompts = prompts_of_turn(sequences, group.left_out)
        if not prompts:
            return scheduled
        taken, depth = sum(part.length for part in scheduled), depth_of(prompts)
        slowed = is_long(prompts[0]) and any(s.state is SequenceState.DECODE for s in sequences)
        if slowed and scheduled and self.budget.pace.is_due(len(scheduled)):
            return scheduled
        if slowed or len(prompts) < len(self.running):
            budget = self.budget.tokens(taken, depth, slowed)
        else:
            budget = self.budget.alone(depth)
        order = prompt_order(prompts, self._turns, group.left_out, budget)
        self._plan_prefill(sequences, order, scheduled, min(self._batch_tokens - taken, budget))
        return scheduled

    def _plan_prefill(
        self, sequences: list[Sequence], order: list[Sequence], scheduled: list[ScheduledTokens], budget: int
    ) -> None:
        for sequence in order:
            if budget <= 0:
                return
            if sequence.state is not SequenceState.PREFILL:  # preempted for an older one
                continue
            part = prompt_part(sequence, budget, self._cache.needs_checkpoints, len(sequences) == 1)
            try:
                self._cache.reserve(part.length + cells_of(scheduled))
            except CacheFull:
                if scheduled or not self._make_room(sequence, part.length, scheduled):
                    return
            scheduled.append(part)
            budget -= part.length

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
        """Start waiting sequences, in turns of their users, while there are slots and cells."""
        candidates = list(self.waiting)
        while candidates and len(self.running) < self._slots:
            sequence = self._turns.next_to_start(candidates, self.running)
            candidates.remove(sequence)
            if shares_with_prefill(sequence, self.running, self._cache):
                continue
            fits = self._fits(sequence, self.running, []) or self._preempt_for(sequence)
            if not fits or not self._start(sequence):
                return
            self.waiting.remove(sequence)

    def _preempt_for(self, sequence: Sequence) -> bool:
        """Preempt sequences of other users until this one fits; False, without preempting any, if it would not."""
        left, victims = list(self.running), list[Sequence]()
        while (victim := choose_victim(sequence, left)) is not None:
            left.remove(victim)
            victims.append(victim)
            if self._fits(sequence, left, victims):
                for each in victims:
                    self._preempt(each)
                return True
        return False

    def _fits(self, sequence: Sequence, running: list[Sequence], preempted: list[Sequence]) -> bool:
        """Whether there are cells for a sequence beside those that run, when some others are preempted."""
        if not running:
            return True
        shareable = sequence.tokens[: sequence.shareable]
        others = len(sequence.tokens) - len(shareable) + sum(s.pending + HEADROOM_CELLS for s in running)
        return self._cache.would_fit(shareable, others, {s.cache_id for s in preempted}, sequence.cache_owner)

    def _start(self, sequence: Sequence) -> bool:
        """Run a sequence that fits, with a cache id and its cached prefix; False if there is no id."""
        try:
            tokens = sequence.tokens[: sequence.shareable]
            sequence.cache_id, sequence.computed = self._cache.open(tokens, sequence.cache_owner)
        except CacheFull:
            return False
        sequence.begun_at = sequence.computed
        sequence.guarded_until = 2 * sequence.reached - min(sequence.computed, sequence.reached)
        if not sequence.started:
            sequence.cached_tokens = min(sequence.computed, sequence.prompt_length)
        sequence.move(SequenceState.PREFILL)
        self._turns.note_start(sequence)
        self.media.start(sequence)
        self.running.append(sequence)
        return True
