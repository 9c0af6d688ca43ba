"""How well real weights read a text with a quantized KV cache: nats for each token, beside those with f16."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.settings.placement import LlamaCppOptions
from workers.llama.native.context import LlamaContext
from workers.llama.native.model import LlamaModel
from workers.text.model import BatchSlice

TEXT = Path(__file__).parents[3] / "docs" / "architecture.md"
TOKENS = 512


def read(model_path: Path, kind: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The nats of the second half of the text's tokens, and what was likeliest in their places."""
    model = LlamaModel(str(model_path), LlamaCppOptions(cache_type_k=kind, cache_type_v=kind), lambda fraction: None)
    context = LlamaContext(model.native, model.vocabulary, TOKENS, 1, TOKENS // 2, 2, model.options)
    ids = model.vocabulary.tokenize(TEXT.read_text("utf-8"), add_special=True, parse_special=False)[: TOKENS + 1]
    assert len(ids) == TOKENS + 1
    half = TOKENS // 2
    context.decode([BatchSlice(0, 0, ids[:half], 0)])
    logits = np.array(context.decode([BatchSlice(0, half, ids[half:TOKENS], half)]), np.float64)
    context.close()
    model.close()
    logits -= logits.max(axis=1, keepdims=True)
    nats = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(half), ids[half + 1 :]]
    return nats, logits.argmax(axis=1)


@pytest.fixture(scope="module")
def exact(model_path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    return read(model_path, "f16")


@pytest.mark.parametrize(("kind", "more", "same"), [("q8_0", 0.02, 0.95), ("q4_0", 0.25, 0.8)])
def test_a_quantized_cache_reads_almost_as_well(
    model_path: Path, exact: tuple[NDArray[np.float64], NDArray[np.int64]], kind: str, more: float, same: float
) -> None:
    nats, likeliest = read(model_path, kind)
    assert abs(nats.mean() - exact[0].mean()) < more
    assert (likeliest == exact[1]).mean() > same
