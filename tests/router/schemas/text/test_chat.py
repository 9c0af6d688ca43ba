"""Bodies of chats."""

from __future__ import annotations

from typing import Any

import pytest

from router.schemas.text.chat import ChatRequest
from shared.wire.jobs import ToolChoice
from tests.support.router.text_bodies import CHAT, TOOL, chat, refusal

WIRE_TOOL = {"type": "function", "function": {"name": "UserDetail", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(autouse=True)
def _drawn_seed_is_7(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.schemas.text.sampling.seeds.secrets.randbelow", lambda bound: 7)


def test_chat_runs_to_the_end_of_the_turn() -> None:
    (job,) = chat()
    assert job.max_tokens is None
    assert job.sampling.temperature == 1.0


def test_unsupported_fields_of_openai_are_ignored() -> None:
    ignored = {"store": True, "metadata": {"a": "b"}, "service_tier": "auto", "verbosity": "low", "user": "anna"}
    assert chat(**ignored) == chat()


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


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"type": "image_url"}, "expected a string as image_url.url of part 0, got None"),
        (
            {"type": "image_url", "image_url": {"url": 5}},
            "expected a string as image_url.url of part 0, got {'url': 5}",
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:", "detail": "most"}},
            "expected one of 'auto', 'low', 'high', 'original' as image_url.detail of part 0, got 'most'",
        ),
        ({"type": "input_audio"}, "expected base64 as input_audio.data of part 0, got None"),
    ],
)
def test_a_medium_must_say_where_its_file_is(part: dict[str, Any], message: str) -> None:
    error = refusal(ChatRequest, {"messages": [{"role": "user", "content": [part]}]})
    assert str(error) == f"messages.0.content: {message}"


def test_messages_arrive_in_openais_current_form() -> None:
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


@pytest.mark.parametrize(
    ("body", "choice", "name"),
    [
        ({}, ToolChoice.AUTO, None),
        ({"function_call": "auto"}, ToolChoice.AUTO, None),
        ({"function_call": "none"}, ToolChoice.NONE, None),
        ({"function_call": {"name": "UserDetail"}}, ToolChoice.NAMED, "UserDetail"),
    ],
)
def test_the_older_names_of_tools(body: dict[str, Any], choice: ToolChoice, name: str | None) -> None:
    (job,) = chat(functions=[{"name": "UserDetail"}], **body)
    assert (job.tools, job.tool_choice, job.tool_name) == ([WIRE_TOOL], choice, name)


def test_the_older_functions_are_called_once_since_their_answer_has_room_for_one() -> None:
    (job,) = chat(functions=[{"name": "UserDetail"}], parallel_tool_calls=True)
    assert not job.parallel_tool_calls


def test_a_function_may_return_nothing() -> None:
    messages = [*CHAT["messages"], {"role": "function", "name": "f", "content": None}]
    _, returned = chat(messages=messages)[0].messages or []
    assert returned == {"role": "tool", "content": "", "name": "f"}


def allowed(*names: str, **mode: str) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return {"type": "allowed_tools", "allowed_tools": {**mode, "tools": tools}}


@pytest.mark.parametrize(
    ("mode", "choice"),
    [({}, ToolChoice.AUTO), ({"mode": "auto"}, ToolChoice.AUTO), ({"mode": "required"}, ToolChoice.REQUIRED)],
)
def test_only_the_allowed_tools_are_offered(mode: dict[str, str], choice: ToolChoice) -> None:
    other = {"type": "function", "function": {"name": "other"}}
    (job,) = chat(tools=[other, TOOL], tool_choice=allowed("UserDetail", **mode))
    assert (job.tools, job.tool_choice, job.tool_name) == ([WIRE_TOOL], choice, None)
    assert job.parallel_tool_calls


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "allowed_tools"},
        {"type": "allowed_tools", "allowed_tools": []},
        allowed(),
        allowed("UserDetail", mode="none"),
        {"type": "allowed_tools", "allowed_tools": {"tools": [{"type": "function"}]}},
        {"type": "allowed_tools", "allowed_tools": {"tools": [{"type": "web_search"}]}},
    ],
)
def test_bad_allowed_tools_name_their_field(choice: dict[str, Any]) -> None:
    error = refusal(ChatRequest, {**CHAT, "tools": [TOOL], "tool_choice": choice})
    assert (error.status, error.param) == (400, "tool_choice")
    assert "expected as allowed_tools" in str(error)


def test_an_allowed_tool_that_was_not_given_is_refused() -> None:
    error = refusal(ChatRequest, {**CHAT, "tools": [TOOL], "tool_choice": allowed("UserDetail", "Other")})
    assert str(error) == "tool_choice: expected a given function (UserDetail), got 'Other'"


def test_an_assistants_refusals_are_its_words() -> None:
    parts = [{"type": "text", "text": "Hm."}, {"type": "refusal", "refusal": "No."}]
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": parts},
        {"role": "assistant", "content": None, "refusal": "Never."},
        {"role": "assistant", "content": "Yes.", "refusal": None},
    ]
    assert [message["content"] for message in chat(messages=messages)[0].messages or []] == [
        "Hi",
        "Hm.\nNo.",
        "Never.",
        "Yes.",
    ]


@pytest.mark.parametrize(
    ("role", "part", "message"),
    [
        (
            "user",
            {"type": "refusal", "refusal": "No."},
            "messages.0.content: "
            "expected parts of type 'text' or 'image_url' or 'input_audio', got type 'refusal' for part 0",
        ),
        (
            "assistant",
            {"type": "refusal"},
            "messages.0.content: expected a string as the refusal of part 0, got None",
        ),
        (
            "assistant",
            {"type": "image_url"},
            "messages.0.content: "
            "expected parts of type 'text' or 'refusal' or 'thinking', got type 'image_url' for part 0",
        ),
    ],
)
def test_parts_of_other_types_are_refused(role: str, part: dict[str, str], message: str) -> None:
    assert str(refusal(ChatRequest, {"messages": [{"role": role, "content": [part]}]})) == message


def test_no_tools_means_no_calls() -> None:
    (job,) = chat(tools=[], tool_choice="auto")
    assert (job.tools, job.tool_choice) == ([], ToolChoice.NONE)


def test_logprobs_of_a_chat() -> None:
    assert chat()[0].top_logprobs is None
    assert chat(logprobs=True)[0].top_logprobs == 0
    assert chat(logprobs=True, top_logprobs=4)[0].top_logprobs == 4


@pytest.mark.parametrize(
    "content", ["as before", [{"type": "text", "text": "as "}, {"type": "text", "text": "before"}]]
)
def test_a_predicted_answer_goes_to_the_worker(content: Any) -> None:
    (job,) = chat(prediction={"type": "content", "content": content})
    assert job.prediction == "as before"
    (job,) = chat(prediction=None)
    assert job.prediction == ""


def test_a_predicted_answer_is_a_text_or_parts() -> None:
    error = refusal(ChatRequest, CHAT | {"prediction": {"type": "content", "content": 3}})
    assert str(error) == "prediction.content: expected a string or a list of text parts, got 3"
