"""What the other fields of a request in Anthropic's form become."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from router.schemas.anthropic.request import MessagesRequest
from router.schemas.errors import ApiError
from shared.wire.jobs import Constraint, ConstraintKind, ReasoningEffort, TextJob, ToolChoice

HI = [{"role": "user", "content": "Hi"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"name": "weather", "description": "Of a city", "input_schema": SCHEMA, "cache_control": {"type": "x"}}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}


def request(**fields: Any) -> MessagesRequest:
    return MessagesRequest.model_validate({"max_tokens": 9, "messages": HI, **fields})


def job(**fields: Any) -> TextJob:
    (made,) = request(**fields).to_jobs()
    return made


def test_how_to_generate() -> None:
    ignored = {"metadata": {"user_id": "x"}, "service_tier": "auto"}
    made = job(temperature=0.5, top_p=0.9, top_k=7, stop_sequences=["END", ""], seed=3, **ignored)
    sampling = made.sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.seed) == (0.5, 0.9, 7, 3)
    assert (made.max_tokens, made.stop, made.continues) == (9, ["END"], False)


def test_a_random_seed_is_drawn_so_that_another_worker_can_go_on() -> None:
    assert job().sampling.seed is not None


@pytest.mark.parametrize(
    ("thinking", "config", "effort", "budget", "options"),
    [
        (None, {}, "none", None, {}),
        (None, {"effort": "high"}, "none", None, {}),
        ({"type": "disabled"}, {}, "none", None, {}),
        ({"type": "enabled", "budget_tokens": 2048}, {}, None, 2048, {"enable_thinking": True}),
        ({"type": "enabled", "budget_tokens": 0}, {}, "none", None, {}),
        ({"type": "adaptive"}, {}, None, None, {"enable_thinking": True}),
        ({"type": "adaptive", "display": "omitted"}, {"effort": "max"}, "xhigh", None, {"enable_thinking": True}),
        ({"type": "between_tools"}, {"effort": "low"}, "low", None, {"enable_thinking": True}),
    ],
)
def test_how_much_to_think(thinking: Any, config: Any, effort: str | None, budget: int | None, options: Any) -> None:
    made = job(thinking=thinking, output_config=config)
    assert made.reasoning_effort == (None if effort is None else ReasoningEffort(effort))
    assert (made.thinking_budget_tokens, made.template_options) == (budget, options)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, (ToolChoice.AUTO, None, True)),
        ({"type": "auto", "disable_parallel_tool_use": True}, (ToolChoice.AUTO, None, False)),
        ({"type": "any"}, (ToolChoice.REQUIRED, None, True)),
        ({"type": "tool", "name": "weather"}, (ToolChoice.NAMED, "weather", False)),
        ({"type": "none"}, (ToolChoice.NONE, None, True)),
    ],
)
def test_tools(choice: Any, expected: Any) -> None:
    made = job(tools=[WEATHER], tool_choice=choice)
    function = {"name": "weather", "description": "Of a city", "parameters": SCHEMA}
    assert made.tools == [{"type": "function", "function": function}]
    assert (made.tool_choice, made.tool_name, made.parallel_tool_calls) == expected


@pytest.mark.parametrize(
    ("choice", "notes"),
    [
        (None, []),
        ({"type": "tool", "name": "web_search"}, ["tool_choice: ignored, as are the tools that it names"]),
    ],
)
def test_tools_of_anthropics_are_ignored_with_a_note(choice: Any, notes: list[str]) -> None:
    asked = request(tools=[SEARCH, {**WEATHER, "type": "custom", "strict": True}, SEARCH], tool_choice=choice)
    made = asked.to_job()
    assert [tool["function"]["name"] for tool in made.tools] == ["weather"]
    assert made.tools[0]["function"]["strict"] is True
    assert made.tool_choice is ToolChoice.AUTO
    assert asked.notes == ["tools: tools of type 'web_search_20250305' are ignored", *notes]


def test_a_choice_of_ignored_tools_alone_leaves_none() -> None:
    assert job(tools=[SEARCH], tool_choice={"type": "any"}).tool_choice is ToolChoice.NONE


@pytest.mark.parametrize("field", ["output_format", "output_config.format"])
def test_a_schema_for_the_answer(field: str) -> None:
    wanted = {"type": "json_schema", "schema": SCHEMA}
    made = job(output_format=wanted) if field == "output_format" else job(output_config={"format": wanted})
    assert made.constraint == Constraint(ConstraintKind.JSON_SCHEMA, SCHEMA, f"{field}.schema")


def test_the_models_own_last_message_is_gone_on_with() -> None:
    made = job(messages=[*HI, {"role": "assistant", "content": "Well, "}])
    assert made.continues
    assert made.messages is not None
    assert made.messages[-1] == {"role": "assistant", "content": "Well, "}
    assert not job(messages=[*HI, {"role": "assistant", "content": ""}]).continues


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tools": [{"name": "a"}]}, "tools.0.input_schema is required: a JSON schema of type 'object'"),
        ({"tools": [{"input_schema": SCHEMA}]}, "tools.0.name is required"),
        (
            {"tools": [{"name": "a", "input_schema": {"type": "array"}}]},
            "tools.0.input_schema.type: expected 'object', got 'array'",
        ),
        ({"tools": [WEATHER, WEATHER]}, "tools.1.name: expected unique names, got 'weather' twice"),
        ({"tool_choice": {"type": "any"}}, "tools is required where tool_choice.type is 'any'"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name is required where tool_choice.type is 'tool'"),
        (
            {"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "b"}},
            "tool_choice.name: expected a given tool (weather), got 'b'",
        ),
        (
            {
                "tools": [WEATHER],
                "tool_choice": {"type": "any"},
                "output_format": {"type": "json_schema", "schema": {}},
            },
            "output_format: cannot be combined with a required tool call",
        ),
        (
            {"messages": [*HI, {"role": "assistant", "content": [{"type": "tool_use", "name": "a"}]}]},
            "messages: expected a tool_result for each tool_use, got a tool_use in the last message",
        ),
    ],
)
def test_contradictions_are_refused(fields: Any, message: str) -> None:
    with pytest.raises(ApiError) as refused:
        job(**fields)
    assert (refused.value.status, str(refused.value)) == (400, message)


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": None},
        {"max_tokens": 0},
        {"messages": []},
        {"messages": [{"role": "bot", "content": "x"}]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": [{"text": "x"}]}]},
        {"tools": [{"name": "a b", "input_schema": {}}]},
        {"thinking": {"type": "sometimes"}},
        {"stop_sequences": ["x"] * 17},
        {"temperature": "hot"},
    ],
)
def test_invalid_fields(fields: Any) -> None:
    with pytest.raises(ValidationError):
        request(**fields)
