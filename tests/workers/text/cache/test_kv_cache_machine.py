"""The KV cache against a model of it, in random orders of calls."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.support.caches.filled import CELLS, SEQUENCES, TOKENS, Filled, naive_common_prefix
from workers.text.cache import host_copies, kv_cache
from workers.text.cache.host_cache import HostCache
from workers.text.cache.kv_cache import CacheFull


class CacheMachine(RuleBasedStateMachine):
    """Random use of the cache, compared with a memory that holds the tokens."""

    def filled_cache(self) -> Filled:
        return Filled()

    @initialize()
    def begin(self) -> None:
        self.filled = self.filled_cache()
        self.cache, self.memory = self.filled.cache, self.filled.memory
        self.running: dict[int, list[int]] = {}
        self.given: dict[int, list[int]] = {}

    def live(self) -> list[list[int]]:
        """What the sequences in memory hold, ended ones included."""
        return [self.memory.tokens(sequence) for sequence in self.memory.owned]

    @rule(tokens=TOKENS, decoded=st.integers(0, 10))
    def open(self, tokens: list[int], decoded: int) -> None:
        try:
            sequence, shared = self.cache.open(tokens)
        except CacheFull:
            assert len(self.running) == SEQUENCES
            return
        assert sequence not in self.running
        assert 0 <= sequence < SEQUENCES
        assert self.memory.tokens(sequence) == tokens[:shared]
        self.running[sequence] = tokens[:shared]
        self.grow(sequence, tokens[shared : shared + decoded])

    @precondition(lambda self: self.running)
    @rule(data=st.data(), tokens=TOKENS)
    def extend(self, data: st.DataObject, tokens: list[int]) -> None:
        self.grow(data.draw(st.sampled_from(sorted(self.running))), tokens)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def keep(self, data: st.DataObject) -> None:
        sequence = data.draw(st.sampled_from(sorted(self.running)))
        self.cache.keep(sequence)
        del self.running[sequence]

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        sequence = data.draw(st.sampled_from(sorted(self.running)))
        self.cache.release(sequence)
        del self.running[sequence]
        assert self.memory.tokens(sequence) == []

    @rule()
    def clear_kept(self) -> None:
        self.cache.clear_kept()
        assert set(self.memory.owned) <= set(self.running)

    @rule(tokens=TOKENS)
    def match(self, tokens: list[int]) -> None:
        longest = max((naive_common_prefix(held, tokens) for held in self.live()), default=0)
        assert self.cache.match(tokens) == longest

    def grow(self, sequence: int, tokens: list[int]) -> None:
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

    @invariant()
    def running_sequences_hold_what_they_were_given(self) -> None:
        assert {sequence: self.memory.tokens(sequence) for sequence in self.running} == self.running

    @invariant()
    def used_cells_are_those_in_memory(self) -> None:
        assert self.cache.used_cells == self.memory.used_cells <= CELLS

    @invariant()
    def an_id_is_either_running_or_kept_or_free(self) -> None:
        assert len(set(self.running) | set(self.memory.owned)) <= SEQUENCES


class HostedCacheMachine(CacheMachine):
    """The same with a main memory of a few sequences, and few cells for ended ones."""

    def filled_cache(self) -> Filled:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(host_copies, "MIN_SAVED_TOKENS", 2)
        self.patch.setattr(kv_cache, "MIN_CUT_TOKENS", 1)
        return Filled(kept_cells=6, host=HostCache(8 * 20))

    def teardown(self) -> None:
        self.patch.undo()


class CuttingCacheMachine(HostedCacheMachine):
    """The same with a main memory that has no room for most sequences."""

    def filled_cache(self) -> Filled:
        super().filled_cache()
        return Filled(kept_cells=6, host=HostCache(8 * 3))


class CopyingCacheMachine(HostedCacheMachine):
    """The same with a memory that copies prefixes, and no ended sequence beside a new one."""

    def filled_cache(self) -> Filled:
        super().filled_cache()
        return Filled(kept_cells=0, host=HostCache(8 * 20), shares_cells=False)


TestCopyingCacheAgainstRealTokens = CopyingCacheMachine.TestCase


TestCopyingCacheAgainstRealTokens.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)


TestCuttingCacheAgainstRealTokens = CuttingCacheMachine.TestCase


TestCuttingCacheAgainstRealTokens.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)


TestHostedCacheAgainstRealTokens = HostedCacheMachine.TestCase


TestHostedCacheAgainstRealTokens.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)


TestCacheAgainstRealTokens = CacheMachine.TestCase


TestCacheAgainstRealTokens.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)
