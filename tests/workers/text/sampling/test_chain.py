from __future__ import annotations

import pytest

from shared.wire.jobs import Sampling
from workers.text.sampling.chain import needs_chain


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(temperature=0.0), False),
        (Sampling(temperature=1e-40), False),
        (Sampling(temperature=0.7, top_k=1), False),
        (Sampling(temperature=0.7), True),
        (Sampling(temperature=0.0, logit_bias={3: 1.0}), True),
        (Sampling(temperature=0.0, repeat_penalty=1.1), True),
        (Sampling(temperature=0.0, frequency_penalty=0.1), True),
        (Sampling(temperature=0.0, presence_penalty=-0.1), True),
    ],
)
def test_only_greedy_drawing_without_bias_and_penalties_needs_no_chain(sampling: Sampling, expected: bool) -> None:
    assert needs_chain(sampling) is expected
