from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from numpy.typing import NDArray

from workers.onnx.text.decoding.buffers import PAGE_BYTES, MainMemoryTensor
from workers.onnx.text.decoding.rows import CacheRows

HEADS, TOKENS, SIZE = 2, 128, 4
ROWS = 6


def make_rows() -> tuple[CacheRows, list[MainMemoryTensor]]:
    """Keys and values of one layer."""
    tensors = [MainMemoryTensor(ROWS, HEADS, TOKENS, SIZE, np.float32) for _ in range(2)]
    return CacheRows([*tensors]), tensors


def write(cache: CacheRows, tensors: list[MainMemoryTensor], sequence: int, values: list[int]) -> None:
    """Put the cells of a sequence's tokens into its row, as a graph does."""
    row = cache.row_of(sequence)
    for offset, tensor in enumerate(tensors):
        tensor.array[row, :, : len(values)] = np.array(values, np.float32)[None, :, None] + offset
    cache.fill(sequence, len(values))


def read(cache: CacheRows, tensors: list[MainMemoryTensor], sequence: int, length: int) -> list[int]:
    """The cells of a sequence, checked to be the same in all heads and in keys and values."""
    cells: list[NDArray[np.generic]] = [tensor.array[cache.row_of(sequence), :, :length] for tensor in tensors]
    keys, values = (np.asarray(part, np.float32) for part in cells)
    assert (keys + 1 == values).all()
    assert (keys == keys[:1, :, :1]).all()
    return [int(value) for value in keys[0, :, 0]]


class CacheAgainstModel(RuleBasedStateMachine):
    """Whatever is done with rows, each sequence keeps its cells."""

    def __init__(self) -> None:
        super().__init__()
        self.cache, self.tensors = make_rows()
        self.cells: dict[int, list[int]] = {}
        self.saved: list[tuple[NDArray[np.uint8], list[int]]] = []
        self.next_value = 0

    @precondition(lambda self: len(self.cells) < ROWS)
    @rule(count=st.integers(1, 20))
    def begin(self, count: int) -> None:
        sequence = next(number for number in range(ROWS) if number not in self.cells)
        self.cells[sequence] = [self.next_value + number for number in range(count)]
        self.next_value += 1000
        write(self.cache, self.tensors, sequence, self.cells[sequence])

    @precondition(lambda self: self.cells)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        sequence = data.draw(st.sampled_from(sorted(self.cells)))
        del self.cells[sequence]
        self.cache.remove(sequence)

    @precondition(lambda self: self.cells and len(self.cells) < ROWS)
    @rule(data=st.data())
    def share(self, data: st.DataObject) -> None:
        source = data.draw(st.sampled_from(sorted(self.cells)))
        length = data.draw(st.integers(1, len(self.cells[source])))
        target = next(number for number in range(ROWS) if number not in self.cells)
        self.cache.copy_prefix(source, target, length)
        self.cells[target] = self.cells[source][:length]

    @precondition(lambda self: self.cells)
    @rule(data=st.data())
    def save(self, data: st.DataObject) -> None:
        sequence = data.draw(st.sampled_from(sorted(self.cells)))
        state = self.cache.save(sequence)
        assert len(state) == self.cache.state_bytes(sequence)
        self.saved.append((state, list(self.cells[sequence])))

    @precondition(lambda self: self.saved and len(self.cells) < ROWS)
    @rule(data=st.data())
    def load(self, data: st.DataObject) -> None:
        state, cells = data.draw(st.sampled_from(self.saved))
        target = next(number for number in range(ROWS) if number not in self.cells)
        assert self.cache.load(target, state)
        kept = data.draw(st.integers(1, len(cells)))
        self.cache.cut(target, kept, len(cells))
        self.cells[target] = cells[:kept]

    @precondition(lambda self: self.cells)
    @rule(data=st.data())
    def gather(self, data: st.DataObject) -> None:
        wanted = data.draw(st.sets(st.sampled_from(sorted(self.cells)), min_size=1))
        first, count = self.cache.gather(wanted)
        rows = [self.cache.row_of(sequence) - first for sequence in wanted]
        assert sorted(rows) == sorted(set(rows))
        assert all(0 <= row < count for row in rows)
        assert (count - len(wanted)) * 4 <= len(wanted)
        lengths = self.cache.lengths(first, count)
        assert [lengths[row] for row in rows] == [len(self.cells[sequence]) for sequence in wanted]

    @invariant()
    def all_keep_their_cells(self) -> None:
        for sequence, cells in self.cells.items():
            assert read(self.cache, self.tensors, sequence, len(cells)) == cells
            assert self.cache.state_bytes(sequence) == 2 * len(cells) * HEADS * SIZE * 4


TestCacheAgainstModel = CacheAgainstModel.TestCase
TestCacheAgainstModel.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@given(st.integers(1, 8), st.integers(1, 300), st.sampled_from([np.float32, np.float16]))
@settings(max_examples=30, deadline=None)
def test_freed_rows_are_empty_and_their_neighbours_are_not(heads: int, tokens: int, dtype: type) -> None:
    tensor = MainMemoryTensor(3, heads, tokens, 64, dtype)
    tensor.array[...] = 1
    tensor.free(1)
    assert (tensor.array[0] == 1).all()
    assert (tensor.array[2] == 1).all()
    if tensor.array[1].nbytes % PAGE_BYTES == 0:
        assert (tensor.array[1] == 0).all()


def test_addresses_are_those_of_the_rows() -> None:
    tensor = MainMemoryTensor(3, 2, 5, 4, np.float32)
    assert [tensor.pointer(row) for row in range(3)] == [tensor.array[row].ctypes.data for row in range(3)]
