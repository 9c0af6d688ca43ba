"""The noise of a seed."""

from __future__ import annotations

import numpy as np
import pytest

from workers.onnx.images.sampling.noise import SeededNoise, philox


@pytest.mark.parametrize(
    ("counter", "key", "drawn"),
    [
        ([0, 0, 0, 0], 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([2**32 - 1] * 4, 2**64 - 1, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            0x299F31D0_A4093822,
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_draws_the_known_answers(counter: list[int], key: int, drawn: str) -> None:
    """The answers are those of Random123's file ``kat_vectors``."""
    found = philox(np.array(counter, np.uint32)[:, None], key)[:, 0]
    assert " ".join(f"{word:08x}" for word in found) == drawn


def test_the_noise_is_that_of_pytorch_on_a_gpu() -> None:
    noise = SeededNoise(0)
    first, second = noise.normal((2, 4)), noise.normal((2, 4))
    assert first[0] == pytest.approx([-0.92466259, -0.42534415, -2.6438457, 0.14518388], abs=1e-6)
    assert first[1] == pytest.approx([-0.12086647, -0.57972564, -0.62285122, -0.32838709], abs=1e-6)
    assert not np.isin(second, first).any()


def test_it_is_normal_and_depends_on_all_bits_of_the_seed() -> None:
    many = SeededNoise(5).normal((1, 4, 100, 100))
    assert many.shape == (1, 4, 100, 100)
    assert many.dtype == np.float32
    assert abs(float(many.mean())) < 0.02
    assert float(many.std()) == pytest.approx(1.0, abs=0.02)
    assert not np.array_equal(SeededNoise(5 + 2**40).normal((8,)), many.ravel()[:8])
