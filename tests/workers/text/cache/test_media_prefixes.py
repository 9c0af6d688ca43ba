"""What sequences with pictures share, lose and get back is what they would have computed, in random orders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.engines.seeing import SeeingMemory
from workers.text.cache import host_copies, kv_cache
from workers.text.cache.host_cache import HostCache
from workers.text.cache.kv_cache import KVCache
from workers.text.cache.pseudo_tokens import pseudo_tokens

CELLS = 64
CELL_BYTES = 24


@dataclass(frozen=True)
class PlainToken:
    """One token."""

    token: int

    def tokens(self) -> list[int]:
        return [self.token]

    def cells(self, start: int) -> list[tuple[int, int, int]]:
        return [(start, start, self.token)]


@dataclass(frozen=True)
class ShownChunk:
    """A chunk, whose embeddings are at one position if there are fewer positions than embeddings."""

    name: int
    length: int
    positions: int

    def tokens(self) -> list[int]:
        return pseudo_tokens(bytes([self.name]) * 16, self.length, self.positions)

    def cells(self, start: int) -> list[tuple[int, int, int]]:
        if self.positions == self.length:
            return [(start + place, start + place, 1000 * self.name + place) for place in range(self.length)]
        return [(start, start + self.positions - 1, 1000 * self.name + place) for place in range(self.length)]


Prompt = list[PlainToken | ShownChunk]

TEXTS = st.integers(0, 2).map(PlainToken)
PICTURES = st.sampled_from([ShownChunk(1, 6, 6), ShownChunk(2, 6, 3), ShownChunk(3, 9, 2), ShownChunk(4, 3, 3)])
PROMPTS = st.lists(st.one_of(TEXTS, TEXTS, PICTURES), min_size=1, max_size=8).filter(
    lambda prompt: 2 <= sum(len(part.tokens()) for part in prompt) <= CELLS // 2
)
RUNS = st.lists(st.tuples(PROMPTS, st.floats(0, 1)), min_size=1, max_size=12)


def tokens_of(prompt: Prompt) -> list[int]:
    return [token for part in prompt for token in part.tokens()]


def cells_of(prompt: Prompt) -> list[tuple[int, int, int]]:
    cells, start = list[tuple[int, int, int]](), 0
    for part in prompt:
        cells += part.cells(start)
        start = cells[-1][1] + 1
    return cells


def ends_of(prompt: Prompt) -> Iterator[int]:
    end = 0
    yield end
    for part in prompt:
        end += len(part.tokens())
        yield end


@pytest.fixture(scope="module", autouse=True)
def _small_sizes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host_copies, "MIN_SAVED_TOKENS", 2)
        patch.setattr(kv_cache, "MIN_CUT_TOKENS", 1)
        yield


@given(runs=RUNS, kept=st.sampled_from([0, 10, CELLS]), host=st.sampled_from([0, 12, 60]))
@settings(max_examples=200, deadline=None)
def test_sequences_begin_with_what_they_would_compute(runs: list[tuple[Prompt, float]], kept: int, host: int) -> None:
    memory = SeeingMemory()
    cache = KVCache(memory, CELLS, 4, kept_cells=kept, host=HostCache(CELL_BYTES * host))
    for prompt, computed in runs:
        tokens, cells = tokens_of(prompt), cells_of(prompt)
        sequence, held = cache.open(tokens[:-1])
        assert held in ends_of(prompt)
        assert sorted(memory.cells.get(sequence, [])) == sorted(cells[:held])
        end = held + round(computed * (len(tokens) - held))
        cache.reserve(end - held)
        memory.append(sequence, cells[held:end])
        cache.extend(sequence, tokens[held:end])
        cache.keep(sequence)
    assert cache.used_cells <= CELLS
