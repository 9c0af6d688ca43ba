"""Keys and values that are never changed are shared, cut, saved and restored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnxruntime import OrtValue

from workers.onnx.text.decoding.appending import AppendedMemory, CacheCell

CELLS = (CacheCell(np.dtype(np.float32), 2, 3), CacheCell(np.dtype(np.float16), 2, 5))


@pytest.fixture
def memory() -> AppendedMemory:
    """Sequence 0 has six tokens."""
    made = AppendedMemory(CELLS, "cpu")
    made.keep(0, [OrtValue.ortvalue_from_numpy(values(cell, 6), "cpu", 0) for cell in CELLS], 6)
    return made


def values(cell: CacheCell, tokens: int) -> NDArray[Any]:
    """Numbers of which each token has others."""
    shape = (1, cell.heads, 6, cell.width)
    return np.ascontiguousarray(np.arange(np.prod(shape)).reshape(shape)[:, :, :tokens].astype(cell.dtype))


def check(tensors: Sequence[OrtValue], tokens: int) -> None:
    for tensor, cell in zip(tensors, CELLS, strict=True):
        np.testing.assert_array_equal(tensor.numpy(), values(cell, tokens))


def test_nothing_is_there_before_the_first_token(memory: AppendedMemory) -> None:
    assert [tuple(tensor.shape()) for tensor in memory.past(1, 0)] == [(1, 2, 0, 3), (1, 2, 0, 5)]
    assert memory.state_bytes(1) == 0


def test_a_prefix_is_that_of_the_source_whatever_becomes_of_it(memory: AppendedMemory) -> None:
    memory.copy_prefix(0, 1, 4)
    memory.remove(0)
    check(memory.past(1, 4), 4)
    assert memory.state_bytes(1) == 4 * (2 * 3 * 4 + 2 * 5 * 2)


def test_the_end_is_cut_and_the_beginning_stays(memory: AppendedMemory) -> None:
    memory.cut(0, 5, 6)
    memory.cut(0, 0, 3)
    memory.copy_prefix(0, 0, 3)
    check(memory.past(0, 5), 5)
    memory.cut(0, 2, 4)  # not the end
    assert memory.state_bytes(0) == 5 * (2 * 3 * 4 + 2 * 5 * 2)


def test_what_is_restored_is_what_was_saved(memory: AppendedMemory) -> None:
    memory.cut(0, 4, 6)
    state = memory.save(0)
    assert state.nbytes == memory.state_bytes(0)
    memory.clear()
    assert memory.load(3, state)
    state[:] = 0
    check(memory.past(3, 4), 4)
    check(memory.past(3, 2), 2)
