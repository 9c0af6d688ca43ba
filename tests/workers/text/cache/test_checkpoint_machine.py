"""The KV cache of a memory that cannot be cut, in random orders of calls."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from tests.support.caches.fake_end_memory import FakeEndMemory
from tests.support.caches.filled import CELLS, TOKENS, Filled
from tests.support.caches.machine import RunningSequences
from workers.text.cache import host_copies, kv_cache
from workers.text.cache.checkpoints import Checkpoints
from workers.text.cache.host_cache import HostCache


class CheckpointMachine(RunningSequences):
    """The played memory refuses to go on from a state that is not of all tokens before, and to cut one."""

    @initialize(checkpoints=st.integers(0, 6), saved=st.integers(0, 12), kept_cells=st.integers(0, CELLS))
    def begin(self, checkpoints: int, saved: int, kept_cells: int) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(host_copies, "MIN_SAVED_TOKENS", 2)
        self.patch.setattr(kv_cache, "MIN_CUT_TOKENS", 1)
        store = Checkpoints(8 * 10 * checkpoints)
        self.fill(Filled(kept_cells=kept_cells, host=HostCache(8 * saved), checkpoints=store))

    def teardown(self) -> None:
        if hasattr(self, "patch"):
            self.patch.undo()

    @rule(tokens=TOKENS, decoded=st.integers(0, 10), refuses=st.booleans())
    def open(self, tokens: list[int], decoded: int, refuses: bool) -> None:
        assert isinstance(self.memory, FakeEndMemory)
        self.memory.refuses = refuses
        sequence = self.opened(tokens, decoded)
        self.memory.refuses = False
        if sequence is not None:
            assert self.memory.ends.get(sequence, []) == self.running[sequence]

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def checkpoint(self, data: st.DataObject) -> None:
        self.cache.checkpoint(self.any_running(data))

    @rule(tokens=TOKENS)
    def match(self, tokens: list[int]) -> None:
        length = self.cache.match(tokens)
        held = [self.memory.tokens(sequence)[:length] for sequence in self.memory.owned]
        assert length == 0 or tokens[:length] in held

    @invariant()
    def checkpoints_keep_within_their_bytes(self) -> None:
        assert self.cache.checkpoints.used_bytes <= 8 * 10 * 6


TestCheckpointsAgainstRealStates = CheckpointMachine.TestCase


TestCheckpointsAgainstRealStates.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
