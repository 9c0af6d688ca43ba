"""Continuous batching: which tokens of which sequences the next decode step computes.

Each step first takes the pending tokens of every sequence that is already generating, then pieces of prompts up to the
step's token budget, so that a long prompt never stalls a running stream.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from workers.llama.cache.kv_cache import CacheFull, KVCache
from workers.llama.cache.tokens import common_prefix
from workers.llama.sequence import Sequence, SequenceState

SHARING_MINIMUM = 16
"""A prompt waits for another one that is filling a common prefix if it saves at least so many tokens."""

HEADROOM = 32
"""Cells kept free for each running sequence when another one is admitted, so that it is not preempted at once."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The next ``length`` tokens of a sequence; ``wants_logits`` when they end with its last token."""

    sequence: Sequence
    length: int
    wants_logits: bool


class PrefillBudget:
    """How many prompt tokens a step may hold: as many as keep it near a target duration while streams run.

    The cost of a token is learnt from the steps themselves, as an exponential moving average. Steps are whole tiles of
    :data:`TILE` tokens, since llama.cpp computes attention in tiles of so many: one token more costs a tile more.
    """

    TILE = 64
    LEAST = 16
    WEIGHT = 0.2

    def __init__(self, largest: int, target_s: float) -> None:
        self._largest = largest
        self._target_s = target_s
        self._token_s = target_s / 128

    def tokens(self, decoding: int) -> int:
        """The prompt tokens of the next step, which also holds ``decoding`` tokens of running streams."""
        tiles = round(self._target_s / self._token_s / self.TILE)
        least_tiles = -(-(decoding + self.LEAST) // self.TILE)
        return max(0, min(max(tiles, least_tiles) * self.TILE, self._largest) - decoding)

    def observe(self, tokens: int, duration_s: float) -> None:
        """Learn from a step that computed ``tokens`` tokens. Steps of less than a tile tell nothing."""
        if tokens >= self.TILE:
            self._token_s += self.WEIGHT * (duration_s / tokens - self._token_s)


class Scheduler:
    """The waiting and the running sequences of one worker.

    ``slots`` bounds the running ones; ``batch_tokens`` is the largest batch. Once the cache holds ``apart_from``
    tokens, streams and prompts take turns with batches of their own; None for never. llama.cpp's attention on a CPU
    skips other sequences' cells one by one in a small batch, and by whole tiles in a large one; but a tile that holds
    tokens of many sequences has to look at the cells of them all.
    """

    def __init__(
        self,
        cache: KVCache,
        slots: int,
        batch_tokens: int,
        target_step_s: float = 0.35,
        apart_from: int | None = None,
    ) -> None:
        self._cache = cache
        self._slots = slots
        self._batch_tokens = batch_tokens
        self._apart_from = cache.total_cells + 1 if apart_from is None else apart_from
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
        """Take an ended sequence out; its tokens stay in the cache for others."""
        if sequence.state is SequenceState.WAITING:
            self.waiting.remove(sequence)
        else:
            self.running.remove(sequence)
            self._cache.keep(sequence.cache_id)
        sequence.move(SequenceState.FINISHED)

    def plan(self) -> list[Piece]:
        """Choose the next step's pieces and reserve their cells. Empty only when there is no work."""
        self._admit()
        if self._apart() and self._prompts_turn:
            return self._plan_prompts([]) or self._plan_streams()
        pieces = self._plan_streams()
        if pieces and self._apart():
            return pieces
        return self._plan_prompts(pieces)

    def _apart(self) -> bool:
        """Whether streams and prompts are computed in batches of their own, in turn."""
        return self._cache.used_cells >= self._apart_from and len({s.state for s in self.running}) > 1

    def _plan_streams(self) -> list[Piece]:
        pieces: list[Piece] = []
        room = self._batch_tokens
        for sequence in [s for s in self.running if s.state is SequenceState.DECODE]:
            if sequence.state is SequenceState.DECODE:  # it may have been preempted for an earlier one
                length = min(sequence.pending, room)
                if length and self._make_room(sequence, length + self._reserved(pieces), pieces):
                    pieces.append(Piece(sequence, length, length == sequence.pending))
                    room -= length
        return [piece for piece in pieces if piece.sequence.state is SequenceState.DECODE]

    def _plan_prompts(self, pieces: list[Piece]) -> list[Piece]:
        """Add pieces of prompts to those of streams."""
        taken = sum(piece.length for piece in pieces)
        streams_running = any(s.state is SequenceState.DECODE for s in self.running)
        budget = self.budget.tokens(taken) if streams_running else self._batch_tokens
        self._plan_prefill(pieces, min(self._batch_tokens - taken, budget))
        return pieces

    def computed(self, pieces: list[Piece]) -> None:
        """The pieces were decoded: record them in the cache, and let complete prompts begin to generate."""
        self._prompts_turn = all(piece.sequence.state is SequenceState.DECODE for piece in pieces)
        for piece in pieces:
            sequence = piece.sequence
            end = sequence.computed + piece.length
            self._cache.extend(sequence.cache_id, sequence.tokens[sequence.computed : end])
            sequence.computed = end
            if sequence.state is SequenceState.PREFILL and sequence.pending == 0:
                sequence.move(SequenceState.DECODE)

    def preempt_youngest(self) -> Sequence | None:
        """Put the youngest running sequence back to the front of the queue; None if at most one runs."""
        if len(self.running) < 2:
            return None
        sequence = max(self.running, key=lambda s: s.received_s)
        self.running.remove(sequence)
        self._cache.release(sequence.cache_id)
        sequence.cache_id, sequence.computed = -1, 0
        sequence.preemptions += 1
        sequence.move(SequenceState.WAITING)
        self.waiting.appendleft(sequence)
        self.preemptions += 1
        return sequence

    def _plan_prefill(self, pieces: list[Piece], budget: int) -> None:
        for sequence in self._filling_order(budget):
            if budget <= 0:
                return
            if sequence.state is not SequenceState.PREFILL:  # preempted for an older one
                continue
            length = min(sequence.pending, budget)
            if length == sequence.pending > 1 and len(self.running) == 1:
                # Arithmetic depends on the batch's shape: a repeated prompt, cached but for its last token, gives
                # the text that it gave the first time only if that token was a step of its own then as well.
                length -= 1
            try:
                self._cache.reserve(length + self._reserved(pieces))
            except CacheFull:
                if pieces or not self._make_room(sequence, length, pieces):
                    return
            pieces.append(Piece(sequence, length, length == sequence.pending))
            budget -= length

    def _filling_order(self, budget: int) -> list[Sequence]:
        """Oldest first, but prompts that are short enough to share half the budget need not wait behind a long one."""
        filling = [s for s in self.running if s.state is SequenceState.PREFILL]
        short: list[Sequence] = []
        room = budget // 2
        for sequence in sorted(filling[1:], key=lambda s: s.pending):
            room -= sequence.pending
            if room < 0:
                break
            short.append(sequence)
        return [*short, *(s for s in filling if s not in short)]

    @staticmethod
    def _reserved(pieces: list[Piece]) -> int:
        """Cells that this step's pieces will take; those of a sequence preempted meanwhile are not needed any more."""
        return sum(piece.length for piece in pieces if piece.sequence.state is not SequenceState.WAITING)

    def _make_room(self, sequence: Sequence, cells: int, pieces: list[Piece]) -> bool:
        """Reserve cells for a running sequence, preempting younger ones; False if it was itself the youngest."""
        while True:
            try:
                self._cache.reserve(cells)
            except CacheFull:
                preempted = self.preempt_youngest()
                if preempted is None or preempted is sequence:
                    return False
                cells -= sum(piece.length for piece in pieces if piece.sequence is preempted)
            else:
                return True

    def _admit(self) -> None:
        """Let waiting sequences run, first come first served, while there are slots and cells."""
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
        """Give a sequence its cache id and its cached prefix, if the rest of it will fit beside the running ones."""
        promised = sum(s.pending + HEADROOM for s in self.running)
        fresh = len(sequence.tokens) - self._cache.match(sequence.tokens[:-1]).length
        if self.running and not self._cache.could_reserve(min(fresh + promised, self._cache.total_cells)):
            return False
        try:
            sequence.cache_id, sequence.computed = self._cache.open(sequence.tokens[:-1])
        except CacheFull:
            return False
        if not sequence.started:
            sequence.cached_tokens = min(sequence.computed, sequence.prompt_length)
        sequence.move(SequenceState.PREFILL)
        self.running.append(sequence)
        return True

    def _shares_with_prefill(self, sequence: Sequence) -> bool:
        """Whether a prompt that is being filled will soon hold a longer prefix of this one than the cache does."""
        cached = -1
        for other in self.running:
            if other.state is not SequenceState.PREFILL:
                continue
            common = min(common_prefix(other.tokens, sequence.tokens), len(sequence.tokens) - 1)
            if common > other.computed:
                if cached < 0:
                    cached = self._cache.match(sequence.tokens[:-1]).length
                if common - cached >= SHARING_MINIMUM:
                    return True
        return False
