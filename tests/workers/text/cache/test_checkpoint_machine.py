"""The KV cache of a memory that cannot be cut, in random orders of calls."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.support.caches.fake_end_memory import FakeEndMemory
from tests.support.caches.filled import CELLS, SEQUENCES, TOKENS, Filled
from workers.text.cache import host_copies, kv_cache
from workers.text.cache.checkpoints import Checkpoints
from workers.text.cache.host_cache import HostCache
from workers.text.cache.kv_cache import CacheFull


class CheckpointMachine(RuleBasedStateMachine):
    """The played memory refuses to go on from a state that is not of all tokens before, and to cut one."""

    @initialize(checkpoints=st.integers(0, 6), saved=st.integers(0, 12), kept_cells=st.integers(0, CELLS))
    def begin(self, checkpoints: int, saved: int, kept_cells: int) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(host_copies, "MIN_SAVED_TOKENS", 2)
        self.patch.setattr(kv_cache, "MIN_CUT_TOKENS", 1)
        store = Checkpoints(8 * 10 * checkpoints)
        self.filled = Filled(kept_cells=kept_cells, host=HostCache(8 * saved), checkpoints=store)
        assert isinstance(self.filled.memory, FakeEndMemory)
        self.cache, self.memory = self.filled.cache, self.filled.memory
        self.running: dict[int, list[int]] = {}

    def teardown(self) -> None:
        if hasattr(self, "patch"):
            self.patch.undo()

    @rule(tokens=TOKENS, decoded=st.integers(0, 10), refuses=st.booleans())
    def open(self, tokens: list[int], decoded: int, refuses: bool) -> None:
        self.memory.refuses = refuses
        try:
            sequence, shared = self.cache.open(tokens)
        except CacheFull:
            assert len(self.running) == SEQUENCES
            return
        finally:
            self.memory.refuses = False
        assert sequence not in self.running
        assert self.memory.tokens(sequence) == tokens[:shared] == self.memory.ends.get(sequence, [])
        self.running[sequence] = tokens[:shared]
        self.grow(sequence, tokens[shared : shared + decoded])

    @precondition(lambda self: self.running)
    @rule(data=st.data(), tokens=TOKENS)
    def extend(self, data: st.DataObject, tokens: list[int]) -> None:
        self.grow(data.draw(st.sampled_from(sorted(self.running))), tokens)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def checkpoint(self, data: st.DataObject) -> None:
        self.cache.checkpoint(data.draw(st.sampled_from(sorted(self.running))))

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

    @rule()
    def clear_kept(self) -> None:
        self.cache.clear_kept()
        assert set(self.memory.owned) <= set(self.running)

    @rule(tokens=TOKENS)
    def match(self, tokens: list[int]) -> None:
        length = self.cache.match(tokens)
        held = [self.memory.tokens(sequence)[:length] for sequence in self.memory.owned]
        assert length == 0 or tokens[:length] in held

    def grow(self, sequence: int, tokens: list[int]) -> None:
        try:
            self.cache.reserve(len(tokens))
        except CacheFull:
            assert set(self.memory.owned) <= set(self.running)
            return
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
    def checkpoints_keep_within_their_bytes(self) -> None:
        assert self.cache.checkpoints.used_bytes <= 8 * 10 * 6


TestCheckpointsAgainstRealStates = CheckpointMachine.TestCase


TestCheckpointsAgainstRealStates.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
