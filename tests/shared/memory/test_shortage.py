"""Words of engines about too little memory are known as such."""

from __future__ import annotations

import pytest

from shared.memory.shortage import tells_of_shortage


@pytest.mark.parametrize(
    "line",
    [
        "not enough memory for a KV cache of 8192 tokens; lower --nctx or --slots",
        "allocating 9000.00 MiB on device 0: cudaMalloc failed: out of memory",
        "ggml_aligned_malloc: insufficient memory (attempted to allocate 180.00 MB): unable to allocate CPU buffer",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "CUDA failed with error out of memory",
        "Failed to allocate memory for requested buffer of size 1000",
    ],
)
def test_words_of_shortage(line: str) -> None:
    assert tells_of_shortage(line)


@pytest.mark.parametrize("line", ["unknown model architecture: 'x'", "tensor 'a' has wrong shape", "std::out_of_range"])
def test_other_words(line: str) -> None:
    assert not tells_of_shortage(line)
