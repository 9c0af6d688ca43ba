"""What llama.cpp tells of its build."""

from __future__ import annotations

from workers.llama.about import features


def test_the_features_that_are_on_are_read() -> None:
    info = "CUDA : ARCHS = 900 | USE_GRAPHS = 1 | CPU : SSE3 = 1 | AVX = 1 | AVX512 = 0 | OPENMP = 1 | "
    assert features(info) == ["USE_GRAPHS", "SSE3", "AVX", "OPENMP"]
