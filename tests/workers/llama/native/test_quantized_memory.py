"""The KV cache in each type: copied, cut, saved and restored cells are worth as much as computed ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.settings.placement import LlamaCppOptions
from workers.llama.native.context import LlamaContext
from workers.llama.native.model import LlamaModel
from workers.text.model import BatchSlice, DecoderSize

PROMPT = "One day a fox met a crow that held a piece of cheese in its beak."

OPTIONS: dict[str, dict[str, Any]] = {
    "f16": {},
    "q8_0": {"cache_type_k": "q8_0", "cache_type_v": "q8_0"},
    "q4_0": {"cache_type_k": "q4_0", "cache_type_v": "q4_0"},
    "q4_0-keys": {"cache_type_k": "q4_0", "flash_attn": "off"},
}
TOKEN_BYTES = {"f16": 23040, "q8_0": 12240, "q4_0": 6480, "q4_0-keys": 14760}
"""Of SmolLM2: 30 layers with 3 heads of 64 numbers, for keys and for values."""


@pytest.fixture(scope="module", params=list(OPTIONS))
def opened(request: pytest.FixtureRequest, model_path: Path) -> Iterator[tuple[str, LlamaModel, LlamaContext]]:
    model = LlamaModel(str(model_path), LlamaCppOptions.model_validate(OPTIONS[request.param]), lambda fraction: None)
    context = model.open_decoder(DecoderSize(256, 4, 256, 64, 2))
    yield request.param, model, context
    context.close()
    model.close()


def prompt_of(model: LlamaModel) -> list[int]:
    return model.vocabulary.tokenize(PROMPT, add_special=False, parse_special=False)


def last_logits(context: LlamaContext, sequence: int, start: int, tokens: list[int]) -> NDArray[np.float32]:
    return np.array(context.decode([BatchSlice(sequence, start, tokens, 1)])[0])


def test_a_saved_sequence_goes_on_as_the_original(opened: tuple[str, LlamaModel, LlamaContext]) -> None:
    kind, model, context = opened
    *begun, last = prompt_of(model)
    context.decode([BatchSlice(0, 0, begun, 0)])
    state = context.memory.save(0)
    assert state.nbytes == context.memory.state_bytes(0)
    assert state.nbytes / len(begun) == pytest.approx(TOKEN_BYTES[kind], rel=0.05)
    expected = last_logits(context, 0, len(begun), [last])
    context.memory.remove(0)
    assert context.memory.load(2, state)
    assert np.array_equal(last_logits(context, 2, len(begun), [last]), expected)
    context.memory.remove(2)


def test_a_fork_and_a_cut_go_on_as_the_original(opened: tuple[str, LlamaModel, LlamaContext]) -> None:
    _, model, context = opened
    tokens = prompt_of(model)
    half = len(tokens) // 2
    context.decode([BatchSlice(0, 0, tokens[:half], 0)])
    expected = last_logits(context, 0, half, tokens[half:])
    context.memory.copy_prefix(0, 1, half)
    context.memory.cut(0, half, len(tokens))
    assert np.array_equal(last_logits(context, 0, half, tokens[half:]), expected)
    context.memory.remove(0)
    assert np.array_equal(last_logits(context, 1, half, tokens[half:]), expected)
    context.memory.remove(1)
