"""What all state machines do with a KV cache: sequences that run, end, and share what they can."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.support.caches.filled import CELLS, SEQUENCES, TOKENS, Filled
from workers.text.cache.kv_cache import CacheFull


class RunningSequences(RuleBasedStateMachine):
    """Random use of a cache, compared with a memory that holds the tokens. Subclasses begin with :meth:`fill`."""

    def fill(self, filled: Filled) -> None:
        """Begin with an empty cache."""
        self.filled = filled
        self.cache, self.memory = filled.cache, filled.memory
        self.running: dict[int, list[int]] = {}

    def opened(self, tokens: list[int], decoded: int) -> int | None:
        """Open a sequence and decode some of what it does not share; its id, None if all are taken."""
        try:
            sequence, shared = self.cache.open(tokens)
        except CacheFull:
            assert len(self.running) == SEQUENCES
            return None
        assert sequence not in self.running
        assert 0 <= sequence < SEQUENCES
        assert self.memory.tokens(sequence) == tokens[:shared]
        self.running[sequence] = tokens[:shared]
        self.grow(sequence, tokens[shared : shared + decoded])
        return sequence

    def grow(self, sequence: int, tokens: list[int]) -> None:
        """Decode tokens at the end of a sequence, if there is room."""
        try:
            self.cache.reserve(len(tokens))
        except CacheFull:
            assert set(self.memory.owned) <= set(self.running)
            assert self.memory.used_cells + len(tokens) > CELLS
            return
        assert self.memory.used_cells + len(tokens) <= CELLS
        self.memory.append(sequence, tokens)
        self.cache.extend(sequence, tokens)
        self.running[sequence] = self.running[sequence] + tokens

    def any_running(self, data: st.DataObject) -> int:
        """One of the running sequences."""
        return data.draw(st.sampled_from(sorted(self.running)))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), tokens=TOKENS)
    def extend(self, data: st.DataObject, tokens: list[int]) -> None:
        """A sequence goes on."""
        self.grow(self.any_running(data), tokens)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def keep(self, data: st.DataObject) -> None:
        """A sequence ends, and is kept for others."""
        sequence = self.any_running(data)
        self.cache.keep(sequence)
        del self.running[sequence]

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """A sequence ends, and nothing of it is kept."""
        sequence = self.any_running(data)
        self.cache.release(sequence)
        del self.running[sequence]
        assert self.memory.tokens(sequence) == []

    @rule()
    def clear_kept(self) -> None:
        """All ended ones are evicted."""
        self.cache.clear_kept()
        assert set(self.memory.owned) <= set(self.running)

    @invariant()
    def running_sequences_hold_what_they_were_given(self) -> None:
        """Whatever was evicted or shared."""
        assert {sequence: self.memory.tokens(sequence) for sequence in self.running} == self.running

    @invariant()
    def used_cells_are_those_in_memory(self) -> None:
        """And never more than there are."""
        assert self.cache.used_cells == self.memory.used_cells <= CELLS

    @invariant()
    def an_id_is_either_running_or_kept_or_free(self) -> None:
        """So there are never more than all."""
        assert len(set(self.running) | set(self.memory.owned)) <= SEQUENCES
