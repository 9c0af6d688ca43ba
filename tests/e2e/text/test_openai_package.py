"""The openai package against a real server."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from tests.support.running_server import RunningServer

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
            "required": ["city"],
        },
    },
}
QUESTION: Any = [{"role": "user", "content": "What is the weather in Paris?"}]


@pytest.fixture
def client(server: RunningServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="x", max_retries=0)


def test_chat(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="smollm2", messages=QUESTION, max_completion_tokens=10)
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 10


def test_streamed_chat(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model="smollm2", messages=QUESTION, max_tokens=10, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream)


def test_older_function_and_its_result_in_the_history(client: openai.OpenAI) -> None:
    function: Any = WEATHER["function"]
    stream = client.chat.completions.create(
        model="smollm2",
        messages=QUESTION,
        functions=[function],
        function_call={"name": "get_weather"},
        temperature=0,
        max_tokens=100,
        stream=True,
    )
    choices = [chunk.choices[0] for chunk in stream]
    calls = [choice.delta.function_call for choice in choices if choice.delta.function_call]
    name, arguments = calls[0].name, "".join(call.arguments or "" for call in calls)
    assert name == "get_weather"
    assert isinstance(json.loads(arguments)["city"], str)
    assert choices[-1].finish_reason == "function_call"
    assert not any(choice.delta.tool_calls for choice in choices)
    history: Any = [
        *QUESTION,
        {"role": "assistant", "content": None, "function_call": {"name": name, "arguments": arguments}},
        {"role": "function", "name": name, "content": '{"sky": "clear", "celsius": 21}'},
    ]
    reply = client.chat.completions.create(
        model="smollm2", messages=history, functions=[function], function_call="none", max_tokens=20
    )
    assert reply.choices[0].message.content


def test_required_tool_and_its_result_in_the_history(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="smollm2", messages=QUESTION, tools=[WEATHER], tool_choice="required", temperature=0, max_tokens=100
    )
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls
    call: Any = message.tool_calls[0]
    assert call.function.name == "get_weather"
    assert isinstance(json.loads(call.function.arguments)["city"], str)
    history: Any = [*QUESTION, message.model_dump(exclude_none=True)]
    history.append({"role": "tool", "tool_call_id": call.id, "content": '{"sky": "clear", "celsius": 21}'})
    reply = client.chat.completions.create(
        model="smollm2", messages=history, tools=[WEATHER], tool_choice="none", max_tokens=20
    )
    assert reply.choices[0].message.content


def test_streamed_tool_call_adds_up(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="smollm2",
        messages=QUESTION,
        tools=[WEATHER],
        tool_choice="required",
        stream=True,
        max_tokens=100,
        parallel_tool_calls=False,
    )
    names, arguments, reasons = [], "", []
    for chunk in stream:
        for call in chunk.choices[0].delta.tool_calls or []:
            assert call.function is not None
            names += [call.function.name] if call.function.name else []
            arguments += call.function.arguments or ""
        reasons.append(chunk.choices[0].finish_reason)
    assert names == ["get_weather"]
    assert isinstance(json.loads(arguments)["city"], str)
    assert reasons[-1] == "tool_calls"


def test_tools_with_auto_may_answer_in_words(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="smollm2",
        messages=[{"role": "user", "content": "Hello!"}],
        tools=[WEATHER],
        tool_choice="auto",
        max_tokens=60,
        temperature=0,
    )
    message = answer.choices[0].message
    assert message.content or message.tool_calls
    for call in message.tool_calls or []:
        assert isinstance(json.loads(call.function.arguments), dict)  # type: ignore[union-attr]


def test_json_schema(client: openai.OpenAI) -> None:
    schema: dict[str, object] = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0, "maximum": 130}},
        "required": ["name", "age"],
    }
    answer = client.chat.completions.create(
        model="smollm2",
        messages=[{"role": "user", "content": "Extract: Jason is 25 years old"}],
        response_format={"type": "json_schema", "json_schema": {"name": "person", "schema": schema, "strict": True}},
        max_tokens=60,
    )
    person = json.loads(answer.choices[0].message.content or "")
    assert set(person) == {"name", "age"}
    assert 0 <= person["age"] <= 130


def test_completions(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="smollm2", prompt="Once", max_tokens=8, extra_body={"ignore_eos": True})
    assert answer.choices[0].text
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 8


def test_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["smollm2"]


def test_errors_are_the_packages_own(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="smollm2", messages=QUESTION, temperature=99)
    assert caught.value.param == "temperature"
