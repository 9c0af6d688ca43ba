"""Answers of ``/api/chat`` and ``/api/generate``, whole and in lines."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.wire.payloads import (
    Done,
    Failed,
    FinishReason,
    Payload,
    Started,
    TokenLogprob,
    Tokens,
    ToolCallDelta,
)
from tests.support.clients.ollama_lines import lines_of, whole_of, without_times
from tests.support.router.client import post
from tests.support.router.fake_broker import QUEUE_FULL, FakeBroker, words
from tests.support.router.ollama_bodies import QUESTION

CHAT = {"model": "smol:latest", "messages": [QUESTION]}
TEXT = {"model": "smol:latest", "prompt": "Hi"}
PATHS: list[tuple[str, dict[str, Any]]] = [("/api/chat", CHAT), ("/api/generate", TEXT)]

CALLS: list[Payload] = [
    Started(7, 3),
    Tokens("", [1], reasoning="Hm."),
    Tokens("", [2], tool_calls=[ToolCallDelta(0, "see", '{"at": ')]),
    Tokens("", [3], tool_calls=[ToolCallDelta(0, None, '"é"}'), ToolCallDelta(1, "hear", "")]),
    Done(FinishReason.TOOL_CALLS, 7, 3, 3, 0.01),
]


def whole(broker: FakeBroker, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = post(broker, path, {**body, "stream": False})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    parsed: dict[str, Any] = answer.json()
    return parsed


def streamed(broker: FakeBroker, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = post(broker, path, body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return lines_of(answer.text)


def test_a_chat_in_lines() -> None:
    lines = [without_times(line) for line in streamed(FakeBroker(), "/api/chat", CHAT)]
    head = {"model": "smol:latest"}
    assert lines == [
        {**head, "message": {"role": "assistant", "content": "Once"}, "done": False},
        {**head, "message": {"role": "assistant", "content": " upon"}, "done": False},
        {
            **head,
            "message": {"role": "assistant", "content": ""},
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 7,
            "eval_count": 2,
        },
    ]


def test_a_prompts_answer_in_lines() -> None:
    script = [Started(2, 0, [], [11, 12]), *words("Once", " upon", finish=FinishReason.LENGTH)[1:]]
    lines = [without_times(line) for line in streamed(FakeBroker(script=script), "/api/generate", TEXT)]
    head = {"model": "smol:latest"}
    assert lines[:2] == [{**head, "response": text, "done": False} for text in ("Once", " upon")]
    assert lines[2] == {
        **head,
        "response": "",
        "done": True,
        "done_reason": "length",
        "prompt_eval_count": 7,
        "eval_count": 2,
        "context": [11, 12, 0, 1],
    }


def test_calls_are_whole_and_their_arguments_objects() -> None:
    first, *calls, last = streamed(FakeBroker(script=CALLS), "/api/chat", CHAT)
    assert first["message"] == {"role": "assistant", "content": "", "thinking": "Hm."}
    functions = [call["function"] for line in calls for call in line["message"]["tool_calls"]]
    assert functions == [
        {"index": 0, "name": "see", "arguments": {"at": "é"}},
        {"index": 1, "name": "hear", "arguments": {}},
    ]
    assert (last["done"], last["done_reason"]) == (True, "stop")


def test_a_call_that_was_cut_off_is_left_out() -> None:
    script = [*CALLS[:3], Done(FinishReason.LENGTH, 7, 3, 2, 0.01)]
    answer = whole(FakeBroker(script=script), "/api/chat", CHAT)
    assert answer["message"] == {"role": "assistant", "content": "", "thinking": "Hm."}
    assert answer["done_reason"] == "length"


TOKEN = st.builds(
    Tokens,
    text=st.text(max_size=4),
    token_ids=st.just([1]),
    logprobs=st.lists(
        st.builds(
            TokenLogprob,
            text=st.text(max_size=2),
            raw=st.binary(max_size=2),
            logprob=st.floats(-5, 0),
            top=st.lists(st.tuples(st.text(max_size=2), st.binary(max_size=2), st.floats(-5, 0)), max_size=2),
        ),
        max_size=2,
    ),
    reasoning=st.text(max_size=4),
)
CALL = st.builds(
    lambda index, name, parts: [
        Tokens("", [1], tool_calls=[ToolCallDelta(index, name if at == 0 else None, part)])
        for at, part in enumerate(parts)
    ],
    st.just(0),
    st.sampled_from(["see", "hear"]),
    st.sampled_from([["{}"], ['{"a"', ': "\u2028"}'], ["", "{", "}"]]),
)


PROPERTY_BROKER = FakeBroker()


@settings(max_examples=60, deadline=None)
@given(st.lists(TOKEN, max_size=6), st.lists(CALL, max_size=3), st.booleans())
def test_the_lines_of_a_stream_are_the_whole_answer(tokens: list[Tokens], calls: list[Any], logprobs: bool) -> None:
    numbered = [
        Tokens("", [1], tool_calls=[ToolCallDelta(index, part.tool_calls[0].name, part.tool_calls[0].arguments)])
        for index, call in enumerate(calls)
        for part in call
    ]
    script: list[Payload] = [Started(7, 3, [], [5]), *tokens, *numbered, Done(FinishReason.STOP, 7, 3, 9, 0.01)]
    broker = PROPERTY_BROKER
    broker.script = script
    for path, body in PATHS:
        body = {**body, "logprobs": logprobs}
        lines = streamed(broker, path, body)
        answer = whole(broker, path, body)
        joined = whole_of(lines)
        for whole_answer in (answer, joined):
            for call in whole_answer.get("message", {}).get("tool_calls", []):
                call.pop("id")  # each answer has its own
        assert without_times(joined) == without_times(answer)


@pytest.mark.parametrize(("path", "body"), PATHS)
def test_an_error_in_mid_stream_is_the_last_line(path: str, body: dict[str, Any]) -> None:
    script = [*words("Once")[:2], Failed(500, "the worker has died")]
    *_, last = streamed(FakeBroker(script=script), path, body)
    assert last == {"error": "the worker has died"}


@pytest.mark.parametrize(("path", "body"), PATHS)
def test_an_early_error_has_its_status(path: str, body: dict[str, Any]) -> None:
    answer = post(FakeBroker(script=[Failed(400, "format: expected another schema")]), path, body)
    assert (answer.status_code, answer.json()) == (400, {"error": "format: expected another schema"})
    full = post(FakeBroker(refusal=QUEUE_FULL), path, body)
    assert (full.status_code, full.json()) == (429, {"error": "the queue is full"})
    assert full.headers["retry-after"] == "3"


@pytest.mark.parametrize(("path", "body"), PATHS)
def test_what_is_not_done_is_in_a_header(path: str, body: dict[str, Any]) -> None:
    asked = {**body, "options": {"num_ctx": 4096}, "keep_alive": "5m"}
    expected = (
        "options.num_ctx: expected at most 2048, the server's --nctx, got 4096; "
        "keep_alive: the model stays loaded as long as the server runs"
    )
    for stream in (True, False):
        answer = post(FakeBroker(), path, {**asked, "stream": stream})
        assert answer.headers["x-nexa-warning"] == expected


@pytest.mark.parametrize(("keep_alive", "reason"), [(None, "load"), ("5m", "load"), (0, "unload")])
def test_a_request_to_load_is_answered_at_once(keep_alive: Any, reason: str) -> None:
    broker = FakeBroker()
    chat = post(broker, "/api/chat", {"model": "small", "keep_alive": keep_alive})
    text = post(broker, "/api/generate", {"model": "small", "keep_alive": keep_alive})
    ended = {"model": "small", "done": True, "done_reason": reason}
    assert without_times(chat.json()) == {**ended, "message": {"role": "assistant", "content": ""}}
    assert without_times(text.json()) == {**ended, "response": ""}
    assert ("x-nexa-warning" in chat.headers) == (keep_alive is not None)
    assert broker.jobs == []


@pytest.mark.parametrize(("path", "body"), PATHS)
def test_without_a_model_the_first_one_answers(path: str, body: dict[str, Any]) -> None:
    answer = whole(FakeBroker(), path, {**body, "model": ""})
    assert answer["model"] == "smol"


@pytest.mark.parametrize(("path", "body"), PATHS)
def test_an_unknown_model_is_not_found(path: str, body: dict[str, Any]) -> None:
    answer = post(FakeBroker(), path, {**body, "model": "large"})
    assert answer.status_code == 404
    assert answer.json() == {"error": "model 'large' not found; served: smol"}
