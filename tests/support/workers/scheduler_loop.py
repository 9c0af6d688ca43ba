"""The engine's loop around a scheduler, without a model."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from shared.wire.jobs import AdapterSet, Sampling, TextJob
from tests.support.workers.fake_kv_memory import FakeKVMemory
from workers.text.cache.kv_cache import KVCache
from workers.text.output.assembler import TextAssembler
from workers.text.sampling.sampler import Sampler
from workers.text.scheduling.scheduled import ScheduledTokens
from workers.text.scheduling.scheduler import Scheduler
from workers.text.sequence import Sequence, SequenceState

WAITING, PREFILL, DECODE, FINISHED = SequenceState


class Loop:
    """The engine's loop with a fake memory instead of a model. It checks every step."""

    def __init__(
        self,
        slots: int = 4,
        cells: int = 200,
        batch: int = 32,
        can_share_prefixes: bool = True,
        separate_from_cells: int | None = None,
    ) -> None:
        self.memory = FakeKVMemory()
        self.cache = KVCache(self.memory, cells, slots + (4 if can_share_prefixes else 0), can_share_prefixes)
        self.scheduler = Scheduler(self.cache, slots, batch, separate_from_cells=separate_from_cells)
        self.slots, self.cells, self.batch = slots, cells, batch
        self.sequences: list[Sequence] = []
        self.times = itertools.count(1)

    def add(
        self, prompt: list[int], max_tokens: int = 4, user: str = "", weight: float = 1.0, adapters: AdapterSet = ()
    ) -> Sequence:
        """Queue a sequence; each is younger than those before it."""
        sampler = Sampler(Sampling(temperature=0.0), vocab_size=8)
        name = str(len(self.sequences))
        sequence = Sequence(name, TextJob(), list(prompt), len(prompt), max_tokens, sampler, TextAssembler([]))
        sequence.user, sequence.weight = user, weight
        sequence.adapters, sequence.cache_owner = adapters, str(adapters)
        sequence.received_at_s = float(next(self.times))
        self.sequences.append(sequence)
        self.scheduler.add(sequence)
        return sequence

    def step(
        self, appended: int = 1, duration_s: float = 0.0, takes: Callable[[list[ScheduledTokens]], float] | None = None
    ) -> list[ScheduledTokens]:
        """One step, in which every sequence whose logits were wanted grows by ``appended`` tokens.

        It counts as one of ``duration_s``, or as long as the step ``takes``.
        """
        scheduled = self.scheduler.plan()
        duration_s = duration_s if takes is None else takes(scheduled)
        self.check(scheduled)
        for part in scheduled:
            sequence = part.sequence
            new = sequence.tokens[sequence.computed : sequence.computed + part.length]
            self.memory.append(sequence.cache_id, new)
        assert self.memory.used_cells <= self.cells
        self.scheduler.complete(scheduled)
        for part in scheduled:
            sequence = part.sequence
            assert self.memory.tokens(sequence.cache_id) == sequence.tokens[: sequence.computed]
            if part.wants_logits:
                assert sequence.state is DECODE
                room = sequence.max_tokens - sequence.generated
                sequence.tokens += [100 + sequence.generated + i for i in range(min(appended, room))]
                if sequence.generated >= sequence.max_tokens:
                    self.scheduler.finish(sequence)
        assert self.cache.used_cells == self.memory.used_cells
        self.scheduler.observe(scheduled, duration_s)
        return scheduled

    def check(self, scheduled: list[ScheduledTokens]) -> None:
        assert sum(part.length for part in scheduled) <= self.batch
        assert len({part.sequence.job_id for part in scheduled}) == len(scheduled)
        assert len(self.scheduler.running) <= self.slots
        ids = [sequence.cache_id for sequence in self.scheduler.running]
        assert len(set(ids)) == len(ids)
        assert len({part.sequence.adapters for part in scheduled}) <= 1
        assert scheduled or not self.scheduler.running
        for part in scheduled:
            assert part.sequence in self.scheduler.running
            assert 0 < part.length <= part.sequence.pending
            assert part.wants_logits == (part.length == part.sequence.pending)

    def run_until(self, sequence: Sequence, state: SequenceState) -> None:
        for _ in range(1000):
            if sequence.state is state:
                return
            self.step()
        pytest.fail(f"sequence {sequence.job_id} is {sequence.state}, not {state}")


def lengths(scheduled: list[ScheduledTokens]) -> dict[str, int]:
    return {part.sequence.job_id: part.length for part in scheduled}


def numbers(start: int, count: int) -> list[int]:
    return list(range(start, start + count))
