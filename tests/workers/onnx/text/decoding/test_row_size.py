from __future__ import annotations

from types import SimpleNamespace

import pytest

from shared.engines.onnx.providers import OnnxProvider
from workers.onnx.text.decoding.batched import cache_tensor
from workers.onnx.text.decoding.buffers import PAGE_BYTES
from workers.text.model import DecoderSize


@pytest.mark.parametrize("heads", [1, 3, 5, 8, 100])
@pytest.mark.parametrize("head_size", [64, 80, 128])
def test_rows_are_whole_pages_with_a_cell_beyond_the_context(heads: int, head_size: int) -> None:
    given = SimpleNamespace(type="tensor(float16)", shape=["batch", heads, "tokens", None])
    size = DecoderSize(cells=100, sequences=2, context_tokens=100, batch_tokens=8, threads=1)
    tensor = cache_tensor(given, head_size, size, OnnxProvider.CPU)
    assert tensor.shape[:2] + tensor.shape[3:] == (2, heads, head_size)
    assert tensor.shape[2] > 100
    assert (tensor.pointer(1) - tensor.pointer(0)) % PAGE_BYTES == 0
