"""The KV cache against a model of it, in random orders of calls."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.support.caches.filled import TOKENS, Filled, naive_common_prefix
from tests.support.caches.machine import RunningSequences
from workers.text.cache import host_copies, kv_cache
from workers.text.cache.host_cache import HostCache


class CacheMachine(RunningSequences):
    """Sequences share the longest beginning that any has."""

    def filled_cache(self) -> Filled:
        return Filled()

    @initialize()
    def begin(self) -> None:
        self.fill(self.filled_cache())

    @rule(tokens=TOKENS, decoded=st.integers(0, 10))
    def open(self, tokens: list[int], decoded: int) -> None:
        self.opened(tokens, decoded)

    @rule(tokens=TOKENS)
    def match(self, tokens: list[int]) -> None:
        live = [self.memory.tokens(sequence) for sequence in self.memory.owned]
        longest = max((naive_common_prefix(held, tokens) for held in live), default=0)
        assert self.cache.match(tokens) == longest


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
