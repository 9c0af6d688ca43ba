"""Going on from a checkpoint gives the very logits that going on without one gives, in batches of the same shapes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from scripts.make_gguf.shapes.making import random_model
from shared.settings.placement import LlamaCppOptions
from workers.llama.native.context import LlamaContext
from workers.llama.native.model import LlamaModel
from workers.text.model import BatchSlice, DecoderSize

TOKENS = np.random.default_rng(0).integers(1000, 20_000, 400).tolist()
PLACE = 301


@pytest.fixture(scope="module", params=["recurrent", "hybrid", "swa"])
def context(request: pytest.FixtureRequest) -> Iterator[LlamaContext]:
    path = random_model(f"random-tiny-{request.param}-f16", lambda line: None)
    model = LlamaModel(str(path), LlamaCppOptions(gpu_layers=0, swa_full="off"), lambda fraction: None)
    assert model.needs_checkpoints(2048, 4)
    decoder = model.open_decoder(DecoderSize(2048, 12, 1024, 128, 2, has_ends=True))
    assert not decoder.memory.can_cut
    yield decoder
    decoder.close()
    model.close()


@pytest.fixture(autouse=True)
def emptied(context: LlamaContext) -> Iterator[None]:
    yield
    for sequence in range(12):
        context.memory.remove(sequence)


def fill(context: LlamaContext, sequence: int, begin: int, end: int) -> NDArray[np.float32]:
    """Decode a part of the tokens in steps; returns the last logits."""
    rows = np.empty((0, 0), np.float32)
    for start in range(begin, end, 60):
        rows = context.decode([BatchSlice(sequence, start, TOKENS[start : min(start + 60, end)], 1)])
    last: NDArray[np.float32] = rows[-1].copy()
    return last


def test_a_sequence_begins_at_a_checkpoint_of_another(context: LlamaContext) -> None:
    fill(context, 0, 0, PLACE)
    state = context.memory.save_end(0)
    assert state.nbytes == context.memory.end_bytes(0)
    expected = fill(context, 0, PLACE, 400)
    context.memory.copy_prefix(0, 5, PLACE)
    assert context.memory.load_end(5, state)
    assert np.array_equal(fill(context, 5, PLACE, 400), expected)


def test_a_sequence_goes_back_to_a_checkpoint_of_its_own(context: LlamaContext) -> None:
    fill(context, 0, 0, PLACE)
    state = context.memory.save_end(0)
    expected = fill(context, 0, PLACE, 400)
    assert context.memory.load_end(0, state)
    context.memory.cut(0, PLACE, 400)
    assert np.array_equal(fill(context, 0, PLACE, 400), expected)


def test_what_was_saved_whole_is_restored_at_its_end_and_at_a_checkpoint(context: LlamaContext) -> None:
    fill(context, 0, 0, PLACE)
    state = context.memory.save_end(0)
    expected = fill(context, 0, PLACE, 380)
    whole = context.memory.save(0)
    at_end = fill(context, 0, 380, 400)
    context.memory.remove(0)
    assert context.memory.load(3, whole)
    assert np.array_equal(fill(context, 3, 380, 400), at_end)
    context.memory.remove(3)
    assert context.memory.load(4, whole)
    assert context.memory.load_end(4, state)
    context.memory.cut(4, PLACE, 380)
    assert np.array_equal(fill(context, 4, PLACE, 380), expected)


def test_many_begin_at_one_checkpoint_and_do_not_disturb_each_other(context: LlamaContext) -> None:
    fill(context, 0, 0, PLACE)
    state = context.memory.save_end(0)
    expected = fill(context, 0, PLACE, 340)
    for sequence in range(1, 12):
        context.memory.copy_prefix(0, sequence, PLACE)
        assert context.memory.load_end(sequence, state)
    for sequence in range(1, 12):
        # others beside it in the cache change the rounding; another state changes whole units
        assert np.allclose(fill(context, sequence, PLACE, 340), expected, atol=0.05), sequence
