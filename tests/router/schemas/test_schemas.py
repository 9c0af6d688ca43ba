"""Request bodies: both vocabularies, defaults, and errors that name the field."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from router.http.error_handlers import validation_error
from router.schemas.errors import ApiError
from router.schemas.text.chat import ChatRequest
from router.schemas.text.completions import CompletionRequest
from router.schemas.text.function_calling import FunctionCallingRequest
from shared.wire.jobs import Constraint, ConstraintKind, Sampling, TextJob, ToolChoice

PROMPT = {"prompt": "Tell me a story"}
CHAT = {"messages": [{"role": "user", "content": "Extract Jason is 25 years old"}]}
TOOL = {"type": "function", "function": {"name": "UserDetail"}}
WIRE_TOOL = {"type": "function", "function": {"name": "UserDetail", "parameters": {"type": "object", "properties": {}}}}


def refusal(model: type[CompletionRequest] | type[ChatRequest], body: dict[str, Any]) -> ApiError:
    """The error that a body is answered with."""
    try:
        model.model_validate(body).to_jobs()
    except ApiError as error:
        return error
    except ValidationError as error:
        return validation_error([{**found, "loc": ("body", *found["loc"])} for found in error.errors()])
    raise AssertionError(f"{body} was accepted")


@pytest.fixture(autouse=True)
def _drawn_seed_is_7(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.schemas.text.generation.secrets.randbelow", lambda bound: 7)


def completion(**parameters: Any) -> list[TextJob]:
    return CompletionRequest.model_validate({**PROMPT, **parameters}).to_jobs()


def chat(**parameters: Any) -> list[TextJob]:
    return ChatRequest.model_validate({**CHAT, **parameters}).to_jobs()


def test_completion_defaults_are_the_documented_ones() -> None:
    (job,) = completion()
    sampling = Sampling(temperature=1, top_k=50, top_p=1, seed=7)
    assert job == TextJob(prompt="Tell me a story", max_tokens=128, sampling=sampling)


def test_chat_runs_to_the_end_of_the_turn() -> None:
    (job,) = chat()
    assert job.max_tokens is None
    assert job.sampling.temperature == 1.0


@pytest.mark.parametrize("name", ["max_tokens", "max_new_tokens", "max_completion_tokens"])
def test_each_name_of_the_token_limit(name: str) -> None:
    assert completion(**{name: 9})[0].max_tokens == 9
    assert chat(**{name: 9})[0].max_tokens == 9


@pytest.mark.parametrize("name", ["stop", "stop_words"])
@pytest.mark.parametrize(("given", "wire"), [("END", ["END"]), (["a", "b"], ["a", "b"]), ([], [])])
def test_each_name_of_the_stop_words(name: str, given: Any, wire: list[str]) -> None:
    assert completion(**{name: given})[0].stop == wire


@pytest.mark.parametrize(
    "pair",
    [
        {"max_tokens": 5, "max_new_tokens": 6},
        {"max_tokens": 5, "max_completion_tokens": 6},
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


def test_fields_of_openai_that_mean_nothing_here_are_ignored() -> None:
    ignored = {"store": True, "metadata": {"a": "b"}, "service_tier": "auto", "reasoning_effort": "low", "user": "anna"}
    assert chat(**ignored) == chat()


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


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [
        ("a", [("a", None)]),
        (["a", "b"], [("a", None), ("b", None)]),
        ([1, 2], [(None, [1, 2])]),
        ([[1], [2, 3]], [(None, [1]), (None, [2, 3])]),
    ],
)
def test_each_form_of_prompt(prompt: Any, prompts: list[Any]) -> None:
    assert [(job.prompt, job.prompt_tokens) for job in completion(prompt=prompt)] == prompts


def test_choices_are_counted_by_prompt_and_have_seeds_of_their_own() -> None:
    jobs = completion(prompt=["a", "b"], n=2, seed=10)
    assert [(job.prompt, job.sampling.seed) for job in jobs] == [("a", 10), ("a", 11), ("b", 10), ("b", 11)]


@pytest.mark.parametrize("seed", [None, -1])
def test_an_open_seed_is_drawn_once_for_all_workers(seed: int | None) -> None:
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
    ("top_p", 0),
    ("top_p", 1.01),
    ("top_k", -2),
    ("top_k", 1.0),
    ("min_p", 1.1),
    ("repeat_penalty", 0),
    ("repeat_penalty", 1e-44),
    ("frequency_penalty", 2.1),
    ("presence_penalty", -2.1),
    ("seed", "1"),
    ("max_tokens", -1),
    ("max_new_tokens", "128"),
    ("max_completion_tokens", True),
    ("stop", ""),
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
    ("name", "value"),
    [
        ("prompt", None),
        ("prompt", 5),
        ("prompt", []),
        ("prompt", ["a", 1]),
        ("prompt", [1, True]),
        ("prompt", [-1]),
        ("prompt", [[]]),
        ("prompt", [[1], "a"]),
        ("prompt", ["a"] * 257),
        ("logprobs", 21),
        ("logprobs", True),
        ("best_of", 3),
        ("suffix", " end"),
        ("max_tokens", 0),
        ("echo", "yes"),
    ],
)
def test_a_bad_completion_names_its_field(name: str, value: Any) -> None:
    error = refusal(CompletionRequest, {**PROMPT, name: value})
    assert (error.status, error.param) == (400, name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"messages": None}, "messages is required"),
        ({"messages": []}, "messages: expected at least 1 item, got []"),
        ({"messages": "hi"}, "messages: expected a list, got 'hi'"),
        (
            {"messages": [{"role": "user"}]},
            "messages.0.content is required for role user: a string or a list of text parts",
        ),
        ({"grammar": ""}, "grammar: expected at least 1 character, got ''"),
        ({"temperature": 7}, "temperature: expected at most 5, got 7"),
        ({"temperature": -1}, "temperature: expected at least 0, got -1"),
        ({"temperature": float("nan")}, "temperature: expected a finite number, got nan"),
        ({"top_p": 0}, "top_p: expected more than 0, got 0"),
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


def test_no_tokens_are_accepted_with_echo() -> None:
    (job,) = completion(max_tokens=0, echo=True, logprobs=1)
    assert (job.max_tokens, job.echo, job.top_logprobs) == (0, True, 1)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content"),
        ({**CHAT, "max_tokens": 0}, "max_tokens"),
        ({**CHAT, "logprobs": 1}, "logprobs"),
        ({**CHAT, "top_logprobs": 3}, "top_logprobs"),
        ({**CHAT, "chat_template_kwargs": []}, "chat_template_kwargs"),
        ({**CHAT, "tools": [{"type": "web_search"}]}, "tools.0.type"),
        ({**CHAT, "tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools.0.function.name"),
        ({**CHAT, "tools": [{"type": "function", "function": {"name": "a\n"}}]}, "tools.0.function.name"),
        ({**CHAT, "tools": [TOOL, TOOL]}, "tools"),
        ({**CHAT, "tools": [{**TOOL, "function": {"name": "a", "parameters": {"type": "array"}}}]}, "tools"),
        ({**CHAT, "tools": [TOOL], "functions": [{"name": "a"}]}, "functions"),
        ({**CHAT, "tools": [TOOL], "tool_choice": "any"}, "tool_choice"),
        (
            {**CHAT, "tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "Other"}}},
            "tool_choice",
        ),
        ({**CHAT, "tool_choice": "required"}, "tools"),
        ({**CHAT, "functions": [{"name": "a"}], "function_call": {"name": "b"}}, "function_call"),
        ({**CHAT, "functions": [{"name": "a"}], "function_call": "auto", "tool_choice": "auto"}, "function_call"),
        (
            {**CHAT, "tools": [TOOL], "tool_choice": "required", "response_format": {"type": "json_object"}},
            "response_format",
        ),
        ({**CHAT, "tools": [TOOL], "tool_choice": "required", "grammar": "root ::= 'a'"}, "grammar"),
        ({**CHAT, "grammar": "root ::= 'a'", "response_format": {"type": "json_object"}}, "grammar"),
        ({**CHAT, "response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({**CHAT, "response_format": {"type": "xml"}}, "response_format.type"),
    ],
)
def test_a_bad_chat_names_its_field(body: dict[str, Any], param: str) -> None:
    error = refusal(ChatRequest, body)
    assert (error.status, error.param) == (400, param)


def test_a_picture_is_refused_by_its_type() -> None:
    error = refusal(ChatRequest, {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})
    assert "image_url" in str(error)


def test_what_was_given_is_shown_in_short() -> None:
    message = str(refusal(CompletionRequest, {**PROMPT, "temperature": "x" * 5000}))
    assert "temperature" in message
    assert len(message) < 250


def test_messages_arrive_in_openais_present_words() -> None:
    messages = [
        {"role": "developer", "content": [{"type": "text", "text": "Be"}, {"type": "text", "text": "brief."}]},
        {"role": "user", "content": "Hi", "name": "anna"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
        {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "g"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "2"},
    ]
    assert chat(messages=messages)[0].messages == [
        {"role": "developer", "content": "Be\nbrief."},
        {"role": "user", "content": "Hi", "name": "anna"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "1", "name": "f"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "g", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "2", "tool_call_id": "c1"},
    ]


@pytest.mark.parametrize(
    ("body", "choice", "name"),
    [
        ({}, ToolChoice.AUTO, None),
        ({"tool_choice": "none"}, ToolChoice.NONE, None),
        ({"tool_choice": "required"}, ToolChoice.REQUIRED, None),
        ({"tool_choice": {"type": "function", "function": {"name": "UserDetail"}}}, ToolChoice.NAMED, "UserDetail"),
    ],
)
def test_tool_choices(body: dict[str, Any], choice: ToolChoice, name: str | None) -> None:
    (job,) = chat(tools=[TOOL], **body)
    assert (job.tools, job.tool_choice, job.tool_name) == ([WIRE_TOOL], choice, name)
    assert job.parallel_tool_calls is (name is None)


def test_the_older_names_of_tools() -> None:
    (job,) = chat(functions=[{"name": "UserDetail"}], function_call={"name": "UserDetail"})
    assert (job.tools, job.tool_choice, job.tool_name) == ([WIRE_TOOL], ToolChoice.NAMED, "UserDetail")


def test_no_tools_means_no_calls() -> None:
    (job,) = chat(tools=[], tool_choice="auto")
    assert (job.tools, job.tool_choice) == ([], ToolChoice.NONE)


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
        ({"grammar": "root ::= 'a'"}, Constraint(ConstraintKind.GRAMMAR, "root ::= 'a'")),
    ],
)
def test_constraints(body: dict[str, Any], constraint: Constraint | None) -> None:
    assert chat(**body)[0].constraint == constraint
    assert completion(**body)[0].constraint == constraint


def test_logprobs_of_a_chat() -> None:
    assert chat()[0].top_logprobs is None
    assert chat(logprobs=True)[0].top_logprobs == 0
    assert chat(logprobs=True, top_logprobs=4)[0].top_logprobs == 4


def test_function_calling_always_calls_once_and_greedily() -> None:
    (job,) = FunctionCallingRequest.model_validate({**CHAT, "tools": [TOOL], "tool_choice": "auto"}).to_jobs()
    assert job.tool_choice is ToolChoice.REQUIRED
    assert job.sampling.temperature == 0
    assert not job.parallel_tool_calls


@pytest.mark.parametrize(
    ("body", "param"),
    [({}, "tools"), ({"tools": []}, "tools"), ({"tools": [TOOL], "tool_choice": "none"}, "tool_choice")],
)
def test_function_calling_without_a_function_to_call(body: dict[str, Any], param: str) -> None:
    error = refusal(FunctionCallingRequest, {**CHAT, **body})
    assert (error.status, error.param) == (400, param)
