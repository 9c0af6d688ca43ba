"""Responses from recorded payloads: the stream's events in their order, and that they equal the whole response."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.wire.payloads import Done, Failed, FinishReason, Payload, Started, TokenLogprob, Tokens, ToolCallDelta
from tests.support.event_stream import events_in
from tests.support.requests.responses import AssembledResponse
from tests.support.router.client import http_client
from tests.support.router.fake_broker import FakeBroker, Script, words

ASKED = {"input": "Hello", "model": "smol"}
TOOLS = {"tools": [{"type": "function", "name": "add"}, {"type": "custom", "name": "patch"}]}
CHANGING = ("created_at", "completed_at")


def done(reason: FinishReason = FinishReason.STOP) -> Done:
    return Done(reason, 7, 3, 2, 0.01, reasoning_tokens=1)


THOUGHT: list[Payload] = [
    Started(7, 3),
    Tokens("", [1], reasoning="Hm"),
    Tokens("", [2], reasoning=", so"),
    Tokens("Five", [3]),
    Tokens(".", [4]),
    done(),
]
CALLS: list[Payload] = [
    Started(7, 3),
    Tokens("Wait", [1]),
    Tokens("", [2], tool_calls=[ToolCallDelta(0, "add", "")]),
    Tokens("", [3], tool_calls=[ToolCallDelta(0, None, '{"a"'), ToolCallDelta(0, None, ": 1}")]),
    Tokens("", [4], tool_calls=[ToolCallDelta(1, "patch", '{"in')]),
    Tokens("", [5], tool_calls=[ToolCallDelta(1, None, 'put": "a\\n')]),
    Tokens("", [6], tool_calls=[ToolCallDelta(1, None, 'b"}')]),
    done(FinishReason.TOOL_CALLS),
]


@pytest.fixture(scope="module")
def broker() -> FakeBroker:
    """Makes its application once."""
    return FakeBroker()


def both(broker: FakeBroker, script: Script, **fields: Any) -> tuple[dict[str, Any], AssembledResponse]:
    """The whole response, and the streamed one."""
    broker.script = script

    async def story() -> tuple[dict[str, Any], AssembledResponse]:
        async with http_client(broker) as client:
            whole = await client.post("/v1/responses", json={**ASKED, **fields})
            streamed = await client.post("/v1/responses", json={**ASKED, **fields, "stream": True})
        return whole.json(), AssembledResponse(streamed.text)

    return asyncio.run(story())


def comparable(response: dict[str, Any]) -> dict[str, Any]:
    """The response without its times, and with another id of its answer."""
    renamed: dict[str, Any] = json.loads(json.dumps(response).replace(response["id"].removeprefix("resp_"), "ID"))
    calls = [item for item in renamed["output"] if "call_id" in item]
    for call in calls:
        call["call_id"] = "call"
    return {key: value for key, value in renamed.items() if key not in CHANGING}


def test_words(broker: FakeBroker) -> None:
    whole, streamed = both(broker, words("Once", " upon"))
    assert streamed.types == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    (item,) = whole["output"]
    assert item["id"].startswith("msg_")
    assert item == {
        "id": item["id"],
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Once upon", "annotations": [], "logprobs": []}],
    }
    assert whole["usage"] == {
        "input_tokens": 7,
        "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 4},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 9,
    }
    assert (whole["status"], whole["error"], whole["incomplete_details"]) == ("completed", None, None)


def test_a_thought_is_an_item_of_its_own(broker: FakeBroker) -> None:
    whole, streamed = both(broker, THOUGHT)
    assert streamed.types[2:8] == [
        "output_item.added",
        "content_part.added",
        "reasoning_text.delta",
        "reasoning_text.done",
        "content_part.done",
        "output_item.done",
    ]
    thought, message = whole["output"]
    assert (thought["type"], thought["summary"]) == ("reasoning", [])
    assert thought["content"] == [{"type": "reasoning_text", "text": "Hm, so"}]
    assert message["content"][0]["text"] == "Five."
    assert whole["usage"]["output_tokens_details"] == {"reasoning_tokens": 1}


def test_with_a_summary_the_thought_is_told_twice(broker: FakeBroker) -> None:
    whole, streamed = both(broker, THOUGHT, reasoning={"summary": "auto"}, include=["reasoning.encrypted_content"])
    assert whole["output"][0]["summary"] == [{"type": "summary_text", "text": "Hm, so"}]
    assert whole["output"][0]["encrypted_content"].startswith("nexa1.")
    assert [event["type"] for event in streamed.events if "summary" in event["type"]] == [
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
    ]


def test_calls_of_functions_and_of_custom_tools(broker: FakeBroker) -> None:
    whole, streamed = both(broker, CALLS, **TOOLS)
    message, call, custom = whole["output"]
    assert message["content"][0]["text"] == "Wait"
    assert (call["type"], call["name"], call["arguments"]) == ("function_call", "add", '{"a": 1}')
    assert (custom["type"], custom["name"], custom["input"]) == ("custom_tool_call", "patch", "a\nb")
    assert call["id"].startswith("fc_")
    assert call["call_id"].startswith("call_")
    assert call["call_id"] != custom["call_id"]
    kinds = [event["type"].removeprefix("response.") for event in streamed.events]
    assert kinds.count("function_call_arguments.delta") == 2
    assert kinds.count("custom_tool_call_input.delta") == 2
    assert kinds.index("function_call_arguments.done") < kinds.index("custom_tool_call_input.delta")


@pytest.mark.parametrize(
    ("script", "kinds"),
    [
        ([Started(1, 0), done()], ["message"]),
        ([Started(1, 0), Tokens("", [1], reasoning="Hm"), done()], ["reasoning", "message"]),
        ([Started(1, 0), Tokens("", [1], reasoning="Hm"), done(FinishReason.LENGTH)], ["reasoning"]),
        ([Started(1, 0), Tokens("a", [1]), Tokens("", [1], reasoning="b"), done()], ["message", "reasoning"]),
    ],
    ids=["nothing", "only a thought", "a thought that was cut off", "words before a thought"],
)
def test_an_answer_has_words_or_says_why_not(broker: FakeBroker, script: Script, kinds: list[str]) -> None:
    whole, streamed = both(broker, script)
    assert [item["type"] for item in whole["output"]] == kinds
    assert comparable(streamed.response) == comparable(whole)


def test_an_answer_at_the_limit_of_tokens_is_incomplete(broker: FakeBroker) -> None:
    whole, streamed = both(broker, words("Once", finish=FinishReason.LENGTH), max_output_tokens=1)
    assert (whole["status"], whole["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert whole["output"][0]["status"] == "incomplete"
    assert streamed.types[-1] == "incomplete"


def test_log_probabilities_of_words(broker: FakeBroker) -> None:
    probable = TokenLogprob("Once", b"Once", -0.5, [("Once", b"Once", -0.5)])
    script: list[Payload] = [
        Started(1, 0),
        Tokens("", [0], [probable], reasoning="Hm"),
        Tokens("Once", [1], [probable]),
        Tokens("", [2], [probable]),
        done(),
    ]
    whole, streamed = both(broker, script, include=["message.output_text.logprobs"], top_logprobs=1)
    told = {"token": "Once", "logprob": -0.5, "bytes": [79, 110, 99, 101]}
    assert whole["output"][1]["content"][0]["logprobs"] == [{**told, "top_logprobs": [told]}] * 2
    assert comparable(streamed.response) == comparable(whole)


def test_a_failed_response() -> None:
    script: list[Payload] = [Started(1, 0), Tokens("Once", [1]), Failed(500, "the worker died", code="worker_died")]

    async def story() -> str:
        async with http_client(FakeBroker(script=script)) as client:
            return (await client.post("/v1/responses", json={**ASKED, "stream": True})).text

    last = events_in(asyncio.run(story()))[-1]
    response = last.json["response"]
    assert (last.kind, response["status"]) == ("response.failed", "failed")
    assert response["error"] == {"code": "server_error", "message": "the worker died"}
    assert response["output"][0]["content"][0]["text"] == "Once"
    assert response["output"][0]["status"] == "incomplete"


@pytest.mark.parametrize(
    ("param", "message"),
    [("messages", "input: expected fewer"), ("max_tokens", "max_output_tokens: expected fewer"), ("top_k", "top_k: ")],
)
def test_an_error_of_a_worker_names_the_field_of_this_api(param: str, message: str) -> None:
    failed = Failed(400, f"{param}: expected fewer", param, "context_length_exceeded")

    async def story(script: Script, stream: bool) -> httpx.Response:
        async with http_client(FakeBroker(script=script)) as client:
            return await client.post("/v1/responses", json={**ASKED, "stream": stream})

    error = asyncio.run(story([failed], False)).json()["error"]
    assert error["message"].startswith(message)
    assert error["param"] == message.partition(":")[0]
    begun = asyncio.run(story([Started(1, 0), Tokens("a", [1]), failed], True))
    error = events_in(begun.text)[-1].json["response"]["error"]
    assert error["message"].startswith(message)
    assert error["code"] == "context_length_exceeded"


def test_a_response_repeats_its_request(broker: FakeBroker) -> None:
    asked = {
        "instructions": "Be short.",
        "metadata": {"a": "b"},
        "temperature": 0.5,
        "max_output_tokens": 9,
        "tools": [*TOOLS["tools"], {"type": "web_search"}],
        "text": {"format": {"type": "text"}},
        "user": "anna",
    }
    whole, _ = both(broker, words("a"), **asked)
    assert whole["tools"] == [
        {
            "type": "function",
            "name": "add",
            "description": None,
            "parameters": {"type": "object", "properties": {}},
            "strict": False,
        },
        {"type": "custom", "name": "patch", "description": None, "format": {"type": "text"}},
    ]
    assert {name: whole[name] for name in asked if name not in ("tools", "text")} == {
        name: value for name, value in asked.items() if name not in ("tools", "text")
    }
    assert whole["text"] == {"format": {"type": "text"}, "verbosity": "medium"}


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)


@st.composite
def calls(draw: st.DrawFn, index: int) -> list[Payload]:
    name = draw(st.sampled_from(["add", "patch"]))
    arguments = json.dumps({"input": draw(st.text(max_size=8))}) if draw(st.booleans()) else draw(st.text(max_size=8))
    cuts = sorted(draw(st.lists(st.integers(0, len(arguments)), max_size=4)))
    parts = [arguments[start:end] for start, end in zip([0, *cuts], [*cuts, len(arguments)], strict=True)]
    begun: list[Payload] = [Tokens("", [1], tool_calls=[ToolCallDelta(index, name, "")])]
    return [*begun, *(Tokens("", [1], tool_calls=[ToolCallDelta(index, None, part)]) for part in parts)]


@st.composite
def answers(draw: st.DrawFn) -> list[Payload]:
    payloads: list[Payload] = [Started(7, 3)]
    number = 0
    for kind in draw(st.lists(st.sampled_from(["thought", "words", "both", "call"]), max_size=6)):
        if kind == "call":
            payloads += draw(calls(number))
            number += 1
        elif kind == "both":
            payloads.append(Tokens(draw(texts), [1], reasoning=draw(texts)))
        else:
            for text in draw(st.lists(texts, min_size=1, max_size=4)):
                payloads.append(Tokens("", [1], reasoning=text) if kind == "thought" else Tokens(text, [1]))
    return [*payloads, done(draw(st.sampled_from(FinishReason)))]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(script=answers(), summary=st.sampled_from(["auto", "none"]), encrypted=st.booleans())
def test_the_events_put_together_equal_the_whole_response(
    broker: FakeBroker, script: Script, summary: str, encrypted: bool
) -> None:
    include = ["reasoning.encrypted_content"] if encrypted else []
    whole, streamed = both(broker, script, reasoning={"summary": summary}, include=include, **TOOLS)
    assert streamed.output == streamed.response["output"]
    assert comparable(streamed.response) == comparable(whole)
