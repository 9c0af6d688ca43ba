"""Parameters of all text endpoints: both vocabularies, defaults, and errors that name the field."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from router.schemas.text.chat import ChatRequest
from router.schemas.text.completions import CompletionRequest
from shared.wire.jobs import Constraint, ConstraintKind, Sampling
from tests.support.router.text_bodies import CHAT, PROMPT, TOOL, chat, completion, refusal


@pytest.fixture(autouse=True)
def _drawn_seed_is_7(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.schemas.text.sampling.seeds.secrets.randbelow", lambda bound: 7)


LIMITS = ["max_tokens", "max_new_tokens", "max_completion_tokens", "n_predict"]


@pytest.mark.parametrize("name", LIMITS)
def test_each_name_of_the_token_limit(name: str) -> None:
    assert completion(**{name: 9})[0].max_tokens == 9
    assert chat(**{name: 9})[0].max_tokens == 9


@pytest.mark.parametrize("name", LIMITS)
def test_minus_1_is_no_limit(name: str) -> None:
    assert completion(**{name: -1})[0].max_tokens is None
    assert chat(**{name: -1})[0].max_tokens is None


def test_whole_numbers_may_be_written_with_a_fraction_of_zero() -> None:
    given = {"max_tokens": 16.0, "top_k": 5.0, "seed": 3.0, "n": 1.0}
    for jobs in (completion(**given, logprobs=2.0), chat(**given, logprobs=True, top_logprobs=2.0)):
        (job,) = jobs
        found = [job.max_tokens, job.sampling.top_k, job.sampling.seed, job.top_logprobs]
        assert found == [16, 5, 3, 2]
        assert {type(value) for value in found} == {int}


def test_numbers_with_a_fraction_stay_what_they_are() -> None:
    (job,) = completion(temperature=1.0, min_p=0.0, logit_bias={"5": 1.0})
    assert (job.sampling.temperature, job.sampling.min_p, job.sampling.logit_bias) == (1.0, 0.0, {5: 1.0})
    assert type(job.sampling.temperature) is float


def test_top_p_may_be_0() -> None:
    assert completion(top_p=0)[0].sampling.top_p == 0


@pytest.mark.parametrize("name", ["stop", "stop_words"])
@pytest.mark.parametrize(
    ("given", "wire"), [("END", ["END"]), (["a", "b"], ["a", "b"]), ([], []), ("", []), (["", "a", ""], ["a"])]
)
def test_each_name_of_the_stop_words(name: str, given: Any, wire: list[str]) -> None:
    assert completion(**{name: given})[0].stop == wire


def test_empty_stop_words_do_not_count() -> None:
    assert completion(stop=[""] * 17 + ["a"])[0].stop == ["a"]
    assert completion(stop="", stop_words=["b"])[0].stop == ["b"]


@pytest.mark.parametrize(
    "pair",
    [
        {"max_tokens": 5, "max_new_tokens": 6},
        {"max_tokens": 5, "max_completion_tokens": 6},
        {"max_tokens": 5, "n_predict": -1},
        {"stop": "a", "stop_words": ["b"]},
        {"repeat_penalty": 1.1, "repetition_penalty": 1.2},
    ],
)
def test_two_names_that_differ_are_refused(pair: dict[str, Any]) -> None:
    error = refusal(CompletionRequest, {**PROMPT, **pair})
    (first, one), (second, other) = pair.items()
    assert (error.status, error.param) == (400, second)
    first_shown = [one] if first == "stop" else one
    assert str(error) == f"{second}: expected the same value as {first} ({first_shown}), got {other}"


def test_two_names_that_agree_are_accepted() -> None:
    (job,) = completion(max_tokens=5, max_new_tokens=5, stop="a", stop_words=["a"])
    assert (job.max_tokens, job.stop) == (5, ["a"])


def test_null_means_not_given() -> None:
    assert completion(temperature=None, max_tokens=None, stop=None, logit_bias=None) == completion()


def test_sampling_parameters_arrive() -> None:
    (job,) = completion(
        temperature=0,
        top_k=-1,
        top_p=0.5,
        min_p=0.1,
        repetition_penalty=1.3,
        frequency_penalty=-1,
        presence_penalty=2,
        seed=7,
        logit_bias={"50": -100},
    )
    assert job.sampling == Sampling(0, 0, 0.5, 0.1, 1.3, -1, 2, 7, {50: -100})


@pytest.mark.parametrize("seed", [None, -1])
def test_a_random_seed_is_drawn_once_for_all_workers(seed: int | None) -> None:
    assert [job.sampling.seed for job in completion(n=2, seed=seed)] == [7, 7]


BAD_IN_BOTH: list[tuple[str, Any]] = [
    ("n", 0),
    ("n", 17),
    ("n", True),
    ("n", 1.5),
    ("stream", "yes"),
    ("stream_options", 3),
    ("temperature", -0.1),
    ("temperature", 5.1),
    ("temperature", True),
    ("temperature", "1"),
    ("temperature", float("nan")),
    ("temperature", float("inf")),
    ("top_p", -0.1),
    ("top_p", 1.01),
    ("top_k", -2),
    ("top_k", 1.5),
    ("min_p", 1.1),
    ("repeat_penalty", 0),
    ("repeat_penalty", 1e-44),
    ("frequency_penalty", 2.1),
    ("presence_penalty", -2.1),
    ("seed", "1"),
    ("max_tokens", -2),
    ("max_tokens", 1e30),
    ("n_predict", 1.5),
    ("max_new_tokens", "128"),
    ("max_completion_tokens", True),
    ("stop", "a" * 1025),
    ("json_schema", "{}"),
    ("stop", ["a", 1]),
    ("stop_words", ["a"] * 17),
    ("logit_bias", {"the": 1}),
    ("logit_bias", {"-1": 1}),
    ("logit_bias", {"0" * 11 + "9" * 100: 1}),
    ("logit_bias", {"0" * 11 + "9" * 5000: 1}),
    ("logit_bias", [1]),
    ("response_format", "json"),
    ("grammar", ""),
    ("grammar", 1),
    ("model", 3),
    ("ignore_eos", 1),
]


@pytest.mark.parametrize(("name", "value"), BAD_IN_BOTH)
def test_a_bad_value_names_its_field(name: str, value: Any) -> None:
    for model, base in ((CompletionRequest, PROMPT), (ChatRequest, CHAT)):
        error = refusal(model, {**base, name: value})
        assert error.status == 400
        assert error.param == name
        assert name in str(error)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"messages": None}, "messages is required"),
        ({"messages": []}, "messages: expected at least 1 item, got []"),
        ({"messages": "hi"}, "messages: expected a list, got 'hi'"),
        (
            {"messages": [{"role": "user"}]},
            "messages.0.content is required for role user: a string or a list of parts",
        ),
        ({"grammar": ""}, "grammar: expected at least 1 character, got ''"),
        ({"temperature": 7}, "temperature: expected at most 5, got 7"),
        ({"temperature": -1}, "temperature: expected at least 0, got -1"),
        ({"temperature": float("nan")}, "temperature: expected a finite number, got nan"),
        ({"top_p": -1}, "top_p: expected at least 0, got -1"),
        ({"max_tokens": 0}, "max_tokens: expected at least 1, or -1 for no limit, got 0"),
        ({"n": 17.0}, "n: expected at most 16, got 17"),
        ({"n": 1.5}, "n: expected an integer, got 1.5"),
        ({"n": "1"}, "n: expected an integer, got '1'"),
        ({"model": 3}, "model: expected a string, got 3"),
        ({"stream": "yes"}, "stream: expected a boolean, got 'yes'"),
        ({"priority": "high"}, "priority: expected 'interactive' or 'batch', got 'high'"),
        ({"stream_options": 3}, "stream_options: expected an object, got 3"),
        ({"stop": 5}, "stop: expected a string or a list of up to 16 strings, got 5"),
        ({"stop": ["a"] * 17}, "stop: expected at most 16 stop words, got 17"),
        ({"logit_bias": {"the": 1}}, "logit_bias: expected token ids as keys, got 'the'"),
        (
            {"functions": [{"name": "a b"}]},
            "functions.0.name: expected text that matches ^[A-Za-z0-9_-]{1,64}$, got 'a b'",
        ),
        ({"tools": [TOOL, TOOL]}, "tools: expected unique names, got 'UserDetail' twice"),
        ({"tool_choice": "required"}, 'tools is required where tool_choice is "required"'),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "Other"}}},
            "tool_choice: expected a given function (UserDetail), got 'Other'",
        ),
        ({"top_logprobs": 3}, "top_logprobs: expected 0 unless logprobs is true, got 3"),
    ],
)
def test_errors_say_what_was_expected_and_what_was_given(changes: dict[str, Any], message: str) -> None:
    assert str(refusal(ChatRequest, {**CHAT, **changes})) == message


def test_long_values_are_cut_in_errors() -> None:
    message = str(refusal(CompletionRequest, {**PROMPT, "temperature": "x" * 5000}))
    assert "temperature" in message
    assert len(message) < 250


@pytest.mark.parametrize(
    ("body", "constraint"),
    [
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, Constraint(ConstraintKind.JSON_OBJECT)),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "array"}}}},
            Constraint(ConstraintKind.JSON_SCHEMA, {"type": "array"}),
        ),
        (
            {"response_format": {"type": "json_object", "schema": {"type": "object"}}},
            Constraint(ConstraintKind.JSON_SCHEMA, {"type": "object"}),
        ),
        ({"json_schema": {"type": "array"}}, Constraint(ConstraintKind.JSON_SCHEMA, {"type": "array"}, "json_schema")),
        (
            {"json_schema": {}, "response_format": {"type": "text"}},
            Constraint(ConstraintKind.JSON_SCHEMA, {}, "json_schema"),
        ),
        ({"grammar": "root ::= 'a'"}, Constraint(ConstraintKind.GRAMMAR, "root ::= 'a'", "grammar")),
    ],
)
def test_constraints(body: dict[str, Any], constraint: Constraint | None) -> None:
    assert chat(**body)[0].constraint == constraint
    assert completion(**body)[0].constraint == constraint


CONSTRAINTS = {
    "response_format": {"type": "json_object"},
    "json_schema": {"type": "object"},
    "grammar": "root ::= 'a'",
}


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(CONSTRAINTS, 2)))
def test_two_constraints_are_refused(first: str, second: str) -> None:
    error = refusal(CompletionRequest, {**PROMPT, first: CONSTRAINTS[first], second: CONSTRAINTS[second]})
    assert (error.status, error.param) == (400, second)
    assert str(error) == f"{second}: expected either {second} or {first}, got both"


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_a_constraint_with_a_required_call_is_refused(name: str) -> None:
    error = refusal(ChatRequest, {**CHAT, "tools": [TOOL], "tool_choice": "required", name: CONSTRAINTS[name]})
    assert (error.status, error.param) == (400, name)
