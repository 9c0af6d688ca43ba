"""llama.cpp's further samplers: their fields, bounds and defaults."""

from __future__ import annotations

from typing import Any

import pytest

from router.schemas.text.completions import CompletionRequest
from router.schemas.text.sampling.further import FurtherSamplingFields
from shared.wire.jobs import Sampling
from tests.support.router.text_bodies import PROMPT, completion, refusal

GIVEN: dict[str, Any] = {
    "repeat_last_n": -1,
    "typical_p": 0.9,
    "top_n_sigma": 1.5,
    "xtc_probability": 0.5,
    "xtc_threshold": 0.2,
    "dynatemp_range": 0.5,
    "dynatemp_exponent": 2.0,
    "dry_multiplier": 0.8,
    "dry_base": 2.0,
    "dry_allowed_length": 3,
    "dry_penalty_last_n": 512,
    "dry_sequence_breakers": ["\n", "."],
    "mirostat": 2,
    "mirostat_tau": 3.0,
    "mirostat_eta": 0.2,
}


def test_all_of_them_arrive() -> None:
    assert GIVEN.keys() == FurtherSamplingFields.model_fields.keys()
    sampling = completion(**GIVEN)[0].sampling
    got = {name: getattr(sampling, name) for name in GIVEN}
    assert got == {**GIVEN, "dry_sequence_breakers": ("\n", ".")}


def test_their_defaults_are_those_of_jobs() -> None:
    sampling, standard = completion()[0].sampling, Sampling()
    assert all(getattr(sampling, name) == getattr(standard, name) for name in GIVEN)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("dry_base", 0.5, "dry_base: expected at least 1, got 0.5"),
        ("mirostat", 3, "mirostat: expected at most 2, got 3"),
        ("typical_p", 1.5, "typical_p: expected at most 1, got 1.5"),
        ("xtc_probability", -0.1, "xtc_probability: expected at least 0, got -0.1"),
        ("repeat_last_n", -2, "repeat_last_n: expected at least -1, got -2"),
        ("dry_penalty_last_n", 1e9, "dry_penalty_last_n: expected at most 65536, got 1000000000"),
        ("dynatemp_exponent", 0, "dynatemp_exponent: expected at least 0.01, got 0"),
        ("dry_sequence_breakers", ["é" * 21], "dry_sequence_breakers: expected at most 40 bytes each, got"),
        ("dry_sequence_breakers", [""], "dry_sequence_breakers.0: expected at least 1 character"),
        ("dry_sequence_breakers", ["a"] * 17, "dry_sequence_breakers: expected"),
        ("mirostat_tau", "5", "mirostat_tau: expected a number, got '5'"),
    ],
)
def test_what_is_out_of_bounds_is_refused(field: str, value: Any, message: str) -> None:
    error = refusal(CompletionRequest, {**PROMPT, field: value})
    assert error.status == 400
    assert str(error).startswith(message)
