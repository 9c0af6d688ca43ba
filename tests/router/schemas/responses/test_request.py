"""The body of ``POST /v1/responses``: what it becomes, what is refused, and what is ignored with a note."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from router.http.error_handlers import validation_error
from router.schemas.errors import ApiError
from router.schemas.responses.request import ResponsesRequest
from shared.wire.jobs import ConstraintKind, ReasoningEffort, TextJob, ToolChoice

FUNCTION = {"type": "function", "name": "add", "parameters": {"type": "object", "properties": {}}}
CUSTOM = {"type": "custom", "name": "patch", "description": "Patches."}
MESSAGES = [{"role": "user", "content": "a"}]


def body(**fields: Any) -> ResponsesRequest:
    return ResponsesRequest.model_validate({"input": "a", **fields})


def job(**fields: Any) -> TextJob:
    return body(**fields).to_job(MESSAGES)


def refused(**fields: Any) -> ApiError:
    try:
        request = body(**fields)
        request.check()
        request.to_job(MESSAGES)
    except ApiError as error:
        return error
    except ValidationError as error:
        return validation_error([{**found, "loc": ("body", *found["loc"])} for found in error.errors()])
    raise AssertionError(f"{fields} was accepted")


def test_sampling_limits_and_thinking() -> None:
    made = job(max_output_tokens=9, temperature=0.5, top_k=3, seed=7, stop=["x"], reasoning={"effort": "max"})
    assert (made.messages, made.max_tokens, made.stop) == (MESSAGES, 9, ["x"])
    assert (made.sampling.temperature, made.sampling.top_k, made.sampling.seed) == (0.5, 3, 7)
    assert made.reasoning_effort is ReasoningEffort.XHIGH


def test_a_function_is_flat_and_keeps_its_schema() -> None:
    made = job(tools=[{**FUNCTION, "description": "Adds.", "strict": True}])
    assert made.tool_choice is ToolChoice.AUTO
    assert made.tools == [
        {
            "type": "function",
            "function": {
                "name": "add",
                "description": "Adds.",
                "parameters": {"type": "object", "properties": {}},
                "strict": True,
            },
        }
    ]


def test_a_custom_tool_is_a_function_of_its_input_which_is_told_its_format() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: WORD"}
    (tool,) = job(tools=[{**CUSTOM, "format": grammar}]).tools
    assert tool["function"]["name"] == "patch"
    assert tool["function"]["description"] == "Patches.\n\nThe input must match this grammar (lark):\nstart: WORD"
    assert tool["function"]["parameters"]["required"] == ["input"]


@pytest.mark.parametrize(
    ("choice", "made", "name", "tools"),
    [
        ("none", ToolChoice.NONE, None, ["add", "patch"]),
        ("required", ToolChoice.REQUIRED, None, ["add", "patch"]),
        ({"type": "function", "name": "add"}, ToolChoice.NAMED, "add", ["add", "patch"]),
        ({"type": "custom", "name": "patch"}, ToolChoice.NAMED, "patch", ["add", "patch"]),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "patch"}]},
            ToolChoice.REQUIRED,
            None,
            ["patch"],
        ),
        ({"type": "web_search"}, ToolChoice.AUTO, None, ["add", "patch"]),
    ],
)
def test_tool_choice(choice: Any, made: ToolChoice, name: str | None, tools: list[str]) -> None:
    found = job(tools=[FUNCTION, CUSTOM, {"type": "web_search", "name": 5}], tool_choice=choice)
    assert (found.tool_choice, found.tool_name) == (made, name)
    assert [tool["function"]["name"] for tool in found.tools] == tools


def test_a_schema_for_the_text() -> None:
    text = {"format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}}}
    constraint = job(text=text).constraint
    assert constraint is not None
    assert (constraint.kind, constraint.value) == (ConstraintKind.JSON_SCHEMA, {"type": "object"})
    assert constraint.field == "text.format"


@pytest.mark.parametrize(
    ("fields", "alternatives"),
    [
        ({}, None),
        ({"top_logprobs": 0}, None),
        ({"top_logprobs": 3}, 3),
        ({"include": ["message.output_text.logprobs"]}, 0),
        ({"include": ["message.output_text.logprobs"], "top_logprobs": 2}, 2),
    ],
)
def test_log_probabilities(fields: dict[str, Any], alternatives: int | None) -> None:
    assert job(**fields).top_logprobs == alternatives


@pytest.mark.parametrize(
    ("fields", "notes"),
    [
        ({}, []),
        ({"tools": [{"type": "namespace", "name": "x"}]}, ["tools: those of type namespace are ignored"]),
        (
            {"tools": [{**CUSTOM, "format": {"type": "grammar", "definition": "x"}}]},
            ["tools: the format of patch is told to the model, and not enforced"],
        ),
        ({"tool_choice": {"type": "file_search"}}, ["tool_choice: the type file_search is ignored"]),
        ({"include": ["file_search_call.results"]}, ["include: file_search_call.results is ignored"]),
        ({"max_tool_calls": 3}, ["max_tool_calls is ignored"]),
        ({"text": {"verbosity": "low"}}, ["text.verbosity is ignored"]),
    ],
)
def test_what_is_ignored_is_noted(fields: dict[str, Any], notes: list[str]) -> None:
    assert body(**fields).notes == notes


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"input": []}, "input: expected a string or a non-empty list of items, got []"),
        ({"input": None}, "input is required"),
        ({"max_output_tokens": 0}, "max_output_tokens: expected at least 1, or -1 for no limit, got 0"),
        (
            {"max_output_tokens": 5, "max_tokens": 6},
            "max_output_tokens: expected the same value as max_tokens (6), got 5",
        ),
        ({"n": 2}, "n: expected at most 1, got 2"),
        ({"conversation": "conv_1"}, "conversation: not supported; use previous_response_id"),
        ({"prompt": {"id": "p"}}, "prompt: not supported; send its text as instructions or input"),
        ({"background": True, "store": False}, "background: expected false where store is false, got true"),
        ({"tools": [{"type": "function"}]}, "tools.0: expected a name of 1 to 64 letters, digits, _ and -, got none"),
        (
            {"tools": [{"type": "function", "function": {"name": "add"}}]},
            "tools.0: expected a name of 1 to 64 letters, digits, _ and -, got none; "
            "here name and parameters stand beside type, not in an object of their own",
        ),
        ({"tools": [FUNCTION, FUNCTION]}, "tools: expected unique names, got 'add' twice"),
        ({"tool_choice": "required"}, 'tools is required where tool_choice is "required"'),
        ({"tool_choice": "must"}, 'tool_choice: expected "auto", "none", "required" or {"type": "function", '),
        (
            {"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "sub"}},
            "tool_choice: expected a given function (add), got 'sub'",
        ),
        (
            {"tools": [FUNCTION], "tool_choice": {"type": "allowed_tools"}},
            'tool_choice: expected {"type": "allowed_tools", ',
        ),
        (
            {"tools": [FUNCTION], "tool_choice": "required", "text": {"format": {"type": "json_object"}}},
            "text.format: cannot be combined with a required tool call",
        ),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format.schema is required for type json_schema"),
        ({"text": {"format": {"type": "json_object"}}, "grammar": "x"}, "text.format: expected either it or grammar"),
        ({"reasoning": {"effort": "low"}, "reasoning_effort": "high"}, "reasoning_effort: expected the same value as"),
        ({"metadata": {"a": 1}}, "metadata.a: expected a string, got 1"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], message: str) -> None:
    error = refused(**fields)
    assert error.status == 400
    assert str(error).startswith(message)
