"""Bodies of completions."""

from __future__ import annotations

from typing import Any

import pytest

from router.schemas.text.completions import CompletionRequest
from shared.wire.jobs import Sampling, TextJob
from tests.support.router.text_bodies import PROMPT, completion, refusal


@pytest.fixture(autouse=True)
def _drawn_seed_is_7(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.schemas.text.sampling.seeds.secrets.randbelow", lambda bound: 7)


def test_completion_defaults_are_the_documented_ones() -> None:
    (job,) = completion()
    sampling = Sampling(temperature=1, top_k=50, top_p=1, seed=7)
    assert job == TextJob(prompt="Tell me a story", max_tokens=128, sampling=sampling)


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [
        ("a", [("a", None)]),
        (["a", "b"], [("a", None), ("b", None)]),
        ([1, 2], [(None, [1, 2])]),
        ([1.0, 2], [(None, [1, 2])]),
        ([[1], [2.0, 3]], [(None, [1]), (None, [2, 3])]),
        ([[1], [2, 3]], [(None, [1]), (None, [2, 3])]),
    ],
)
def test_each_form_of_prompt(prompt: Any, prompts: list[Any]) -> None:
    assert [(job.prompt, job.prompt_tokens) for job in completion(prompt=prompt)] == prompts


def test_choices_are_counted_by_prompt_and_have_seeds_of_their_own() -> None:
    jobs = completion(prompt=["a", "b"], n=2, seed=10)
    assert [(job.prompt, job.sampling.seed) for job in jobs] == [("a", 10), ("a", 11), ("b", 10), ("b", 11)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prompt", None),
        ("prompt", 5),
        ("prompt", []),
        ("prompt", ["a", 1]),
        ("prompt", [1, True]),
        ("prompt", [-1]),
        ("prompt", [1.5]),
        ("prompt", [[]]),
        ("prompt", [[1], "a"]),
        ("prompt", ["a"] * 257),
        ("logprobs", 21),
        ("n_probs", 21),
        ("logprobs", True),
        ("best_of", 3),
        ("max_tokens", 0),
        ("echo", "yes"),
        ("parse_special", "no"),
    ],
)
def test_a_bad_completion_names_its_field(name: str, value: Any) -> None:
    error = refusal(CompletionRequest, {**PROMPT, name: value})
    assert (error.status, error.param) == (400, name)


def test_max_tokens_may_be_0_with_echo() -> None:
    (job,) = completion(max_tokens=0, echo=True, logprobs=1)
    assert (job.max_tokens, job.echo, job.top_logprobs) == (0, True, 1)


def test_special_tokens_are_parsed_unless_the_request_says_no() -> None:
    assert [completion(**given)[0].parse_special for given in ({}, {"parse_special": False})] == [True, False]


@pytest.mark.parametrize(
    ("given", "alternatives"),
    [({}, None), ({"logprobs": 0}, 0), ({"n_probs": 0}, None), ({"n_probs": 3}, 3), ({"logprobs": 3, "n_probs": 3}, 3)],
)
def test_both_names_of_logprobs(given: dict[str, Any], alternatives: int | None) -> None:
    assert completion(**given)[0].top_logprobs == alternatives


def test_two_numbers_of_alternatives_are_refused() -> None:
    error = refusal(CompletionRequest, {**PROMPT, "logprobs": 3, "n_probs": 2})
    assert str(error) == "n_probs: expected the same value as logprobs (3), got 2"


@pytest.mark.parametrize(
    ("fields", "suffix", "parse_special"),
    [
        ({}, None, True),
        ({"suffix": ""}, None, True),
        ({"suffix": "return"}, "return", False),
        ({"suffix": "return", "parse_special": True}, "return", True),
    ],
)
def test_around_a_gap_special_tokens_are_text(fields: dict[str, Any], suffix: str | None, parse_special: bool) -> None:
    (job,) = completion(**fields)
    assert (job.suffix, job.parse_special) == (suffix, parse_special)


def test_a_gap_is_not_echoed() -> None:
    error = refusal(CompletionRequest, {**PROMPT, "suffix": "b", "echo": True})
    assert (str(error), error.param) == ("echo: expected false where there is a suffix, got true", "echo")
