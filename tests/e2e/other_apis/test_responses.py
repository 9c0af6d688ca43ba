"""The openai package's Responses against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.responses import Response, ResponseCompletedEvent, ResponseIncompleteEvent
from pydantic import BaseModel

from tests.support.running_server import RunningServer, wait_until

WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": True,
}
COUNTING: Any = {
    "model": "smollm2",
    "input": "Count: 1, 2, 3, 4, 5, 6, 7, 8,",
    "temperature": 0,
    "max_output_tokens": 60,
}
LONG = "The quick brown fox jumps over the lazy dog. " * 60


class Person(BaseModel):
    """What is to be found in a sentence."""

    name: str
    age: int


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="x", max_retries=0) as opened:
        yield opened


def final(events: list[Any]) -> Response:
    """The response at the end of a stream."""
    assert isinstance(events[-1], ResponseCompletedEvent | ResponseIncompleteEvent)
    return events[-1].response


def test_a_stream_has_the_text_of_the_whole_response(client: openai.OpenAI) -> None:
    whole = client.responses.create(**COUNTING)
    events = list(client.responses.create(**COUNTING, stream=True))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == whole.output_text
    assert final(events).output_text == whole.output_text
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert whole.usage is not None
    assert whole.usage.output_tokens == 60


def test_the_helper_for_streams(client: openai.OpenAI) -> None:
    asked = {**COUNTING, "input": "Jason is 25 years old."}
    with client.responses.stream(**asked, text_format=Person) as stream:
        kinds = [event.type for event in stream]
        assert isinstance(stream.get_final_response().output_parsed, Person)
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")


def test_a_conversation_stays_in_the_cache(client: openai.OpenAI) -> None:
    first = client.responses.create(
        model="smollm2", input=f"{LONG} Which animals?", temperature=0, max_output_tokens=30
    )
    second = client.responses.create(
        model="smollm2", input="Which is lazy?", previous_response_id=first.id, temperature=0, max_output_tokens=10
    )
    assert first.usage is not None
    assert second.usage is not None
    said = first.usage.input_tokens + first.usage.output_tokens
    assert second.usage.input_tokens > said
    assert second.usage.input_tokens_details.cached_tokens >= 0.95 * said


def test_a_response_is_kept_listed_and_deleted(client: openai.OpenAI) -> None:
    first = client.responses.create(model="smollm2", input="Hello", max_output_tokens=5)
    second = client.responses.create(
        model="smollm2", input="And?", previous_response_id=first.id, max_output_tokens=5, metadata={"a": "b"}
    )
    assert client.responses.retrieve(second.id) == second
    items = list(client.responses.input_items.list(second.id, limit=2, order="asc"))
    assert [getattr(item, "role", None) for item in items] == ["user", "assistant", "user"]
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError, match="response_id"):
        client.responses.retrieve(first.id)
    with pytest.raises(openai.NotFoundError, match="previous_response_id: expected a conversation that is kept"):
        client.responses.create(model="smollm2", input="b", previous_response_id=second.id)


def test_a_response_in_the_background_is_polled_read_and_cancelled(client: openai.OpenAI) -> None:
    begun = client.responses.create(**COUNTING, background=True)
    assert begun.status == "queued"
    some = []
    for event in client.responses.retrieve(begun.id, stream=True):
        some.append(event)
        if len(some) == 9:
            break
    rest = list(client.responses.retrieve(begun.id, stream=True, starting_after=some[-1].sequence_number))
    events = [*some, *rest]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    polled = wait_until(
        lambda: (found := client.responses.retrieve(begun.id)).status not in ("queued", "in_progress") and found,
        "it has ended",
    )
    assert polled == final(events)
    endless = client.responses.create(model="smollm2", input="Tell", background=True, extra_body={"ignore_eos": True})
    wait_until(lambda: client.responses.retrieve(endless.id).status == "in_progress", "it runs")
    assert client.responses.cancel(endless.id).status == "cancelled"
    assert client.responses.retrieve(endless.id).status == "cancelled"


def test_a_parsed_answer(client: openai.OpenAI) -> None:
    parsed = client.responses.parse(
        model="smollm2", input="Jason is 25 years old.", text_format=Person, temperature=0, max_output_tokens=60
    )
    assert isinstance(parsed.output_parsed, Person)


def test_a_function_is_called_and_its_result_used(client: openai.OpenAI) -> None:
    called = client.responses.create(
        model="smollm2",
        input="What is the weather in Rome?",
        tools=[WEATHER],
        tool_choice={"type": "function", "name": "get_weather"},
        temperature=0,
        max_output_tokens=60,
    )
    (call,) = called.output
    assert call.type == "function_call"
    assert "city" in call.arguments
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    told = client.responses.create(
        model="smollm2", input=[result], previous_response_id=called.id, tools=[WEATHER], max_output_tokens=10
    )
    assert told.usage is not None


def test_tokens_are_counted_as_they_are_billed(client: openai.OpenAI) -> None:
    counted = client.responses.input_tokens.count(model="smollm2", input="Hello", instructions="Be short.")
    asked = client.responses.create(model="smollm2", input="Hello", instructions="Be short.", max_output_tokens=1)
    assert asked.usage is not None
    assert asked.usage.input_tokens == counted.input_tokens
