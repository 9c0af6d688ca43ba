"""The endpoints' answers as event streams."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared.wire.call_ids import short_id
from shared.wire.payloads import Done, Failed, FinishReason, Payload, Started, TokenLogprob, Tokens, ToolCallDelta
from tests.support.event_stream import chunks_in, events_in
from tests.support.router.client import CHAT, COMPLETION, http_client, post
from tests.support.router.fake_broker import FakeBroker, words

USAGE = {"stream": True, "stream_options": {"include_usage": True}}


async def stopped_after(broker: FakeBroker, silence_s: float) -> str:
    """The text of a stream that the server stops after ``silence_s``."""
    async with http_client(broker) as client:
        asking = asyncio.ensure_future(client.post("/v1/completions", json={**COMPLETION, "stream": True}))
        while not broker.jobs:  # noqa: ASYNC110 - the application is made first, which takes a while
            await asyncio.sleep(0.005)
        await asyncio.sleep(silence_s)
        broker.cancel(broker.jobs[0])
        return (await asking).text


def test_a_chat_in_chunks() -> None:
    response = post(FakeBroker(), "/v1/chat/completions", {**CHAT, "stream": True})
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-accel-buffering"] == "no"
    chunks = chunks_in(response.text)
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "Once"},
        {"content": " upon"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert "usage" not in chunks[0]


def test_a_completion_in_chunks() -> None:
    chunks = chunks_in(post(FakeBroker(), "/v1/completions", {**COMPLETION, "stream": True}).text)
    assert [chunk["choices"][0]["text"] for chunk in chunks] == ["Once", " upon", ""]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(("path", "body"), [("/v1/completions", COMPLETION), ("/v1/chat/completions", CHAT)])
def test_usage_comes_last_if_requested(path: str, body: dict[str, Any]) -> None:
    chunks = chunks_in(post(FakeBroker(), path, {**body, **USAGE, "n": 2}).text)
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 4
    assert chunks[-1]["usage"]["prompt_tokens"] == 7
    assert all(chunk["usage"] is None for chunk in chunks[:-1])


def test_choices_come_interleaved() -> None:
    chunks = chunks_in(post(FakeBroker(), "/v1/completions", {**COMPLETION, "stream": True, "n": 2}).text)
    assert [chunk["choices"][0]["index"] for chunk in chunks] == [0, 1, 0, 1, 0, 1]


def test_any_text_survives() -> None:
    text = 'line\u2028end\x85 "quoted" \\ \n\r\t\x00 ünï 🦊 </script>'
    response = post(FakeBroker(script=words(text)), "/v1/completions", {**COMPLETION, "stream": True})
    assert len(response.text.splitlines()) == len(response.content.splitlines())
    assert chunks_in(response.text)[0]["choices"][0]["text"] == text


def test_tool_calls_in_chunks() -> None:
    script: list[Payload] = [
        Started(3, 0),
        Tokens("", [1], tool_calls=[ToolCallDelta(0, "f", '{"a')]),
        Tokens("", [2], tool_calls=[ToolCallDelta(0, None, '": 1}'), ToolCallDelta(1, "g", "")]),
        Done(FinishReason.TOOL_CALLS, 3, 0, 2, 0.1),
    ]
    chunks = chunks_in(post(FakeBroker(script=script), "/v1/chat/completions", {**CHAT, "stream": True}).text)
    pieces = [chunk["choices"][0]["delta"]["tool_calls"][0] for chunk in chunks[1:-1]]
    ids = [short_id(f"{chunks[0]['id'].removeprefix('chatcmpl-')}/0/{index}") for index in (0, 1)]
    assert pieces == [
        {"index": 0, "id": ids[0], "type": "function", "function": {"name": "f", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"a'}},
        {"index": 0, "function": {"arguments": '": 1}'}},
        {"index": 1, "id": ids[1], "type": "function", "function": {"name": "g", "arguments": ""}},
    ]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/function-calling"])
def test_a_call_of_the_older_functions_in_chunks(path: str) -> None:
    script: list[Payload] = [
        Started(3, 0),
        Tokens("", [1], tool_calls=[ToolCallDelta(0, "f", '{"a')]),
        Tokens("", [2], tool_calls=[ToolCallDelta(0, None, '": 1}')]),
        Done(FinishReason.TOOL_CALLS, 3, 0, 2, 0.1),
    ]
    body = {**CHAT, "stream": True, "functions": [{"name": "f"}]}
    choices = [chunk["choices"][0] for chunk in chunks_in(post(FakeBroker(script=script), path, body).text)]
    assert [choice["delta"] for choice in choices] == [
        {"role": "assistant", "content": ""},
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": '{"a'}},
        {"function_call": {"arguments": '": 1}'}},
        {},
    ]
    assert [choice["finish_reason"] for choice in choices] == [None, None, None, None, "function_call"]


def test_logprobs_in_chunks() -> None:
    script: list[Payload] = [
        Started(1, 0),
        Tokens("echo", []),
        Tokens("ab", [1], [TokenLogprob("ab", b"ab", -0.5, offset=4)]),
        Tokens("", [2], [TokenLogprob("c", b"c", -0.25, offset=6)]),
        Tokens("cd", [3], [TokenLogprob("d", b"d", -0.125, offset=7)]),
        Done(FinishReason.LENGTH, 1, 0, 3, 0.1),
    ]
    body = {**COMPLETION, "stream": True, "logprobs": 0}
    chunks = chunks_in(post(FakeBroker(script=script), "/v1/completions", body).text)
    assert [chunk["choices"][0]["logprobs"]["text_offset"] for chunk in chunks[1:-1]] == [[4], [6], [7]]
    body = {**CHAT, "stream": True, "logprobs": True}
    chunks = chunks_in(post(FakeBroker(script=script), "/v1/chat/completions", body).text)
    assert chunks[3]["choices"][0]["logprobs"]["content"][0]["logprob"] == -0.25


def test_an_error_before_the_first_event_has_its_own_status() -> None:
    broker = FakeBroker(script=[Failed(400, "the prompt is too long", "prompt")])
    response = post(broker, "/v1/completions", {**COMPLETION, "stream": True})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "prompt"


def test_a_later_error_is_an_event_that_ends_the_stream() -> None:
    broker = FakeBroker(script=[Started(1, 0), Tokens("Once", [1]), Failed(500, "the worker died twice")])
    response = post(broker, "/v1/completions", {**COMPLETION, "stream": True})
    assert response.status_code == 200
    text, error = events_in(response.text)
    assert text.json["choices"][0]["text"] == "Once"
    assert (error.id, error.kind) == (None, "error")
    assert error.json["error"]["message"] == "the worker died twice"
    assert "[DONE]" not in response.text


def test_a_job_that_the_server_stops_ends_in_an_error_event() -> None:
    broker = FakeBroker(script=[Started(1, 0), Tokens("Once", [1])])

    text = asyncio.run(stopped_after(broker, 0.05))
    assert '"text":"Once"' in text
    assert "event: error" in text
    assert "[DONE]" not in text


@pytest.mark.parametrize(("path", "body"), [("/v1/completions", COMPLETION), ("/v1/chat/completions", CHAT)])
def test_events_have_no_ids_where_resuming_was_not_asked_for(path: str, body: dict[str, Any]) -> None:
    text = post(FakeBroker(script=words(*"abcdefgh")), path, {**body, **USAGE, "n": 3}).text
    events = events_in(text)
    assert {event.id for event in events} == {None}
    assert [event.data for event in events if event.data == "[DONE]"] == [events[-1].data]


def test_a_stream_names_its_job() -> None:
    response = post(FakeBroker(), "/v1/completions", {**COMPLETION, "stream": True})
    (answer_id,) = {chunk["id"] for chunk in chunks_in(response.text)}
    assert answer_id == "cmpl-" + response.headers["X-Job-Id"]
