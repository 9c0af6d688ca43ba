"""Anthropic's messages, whole and in events."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

import router.answers.event_stream
from router.jobs.refusals import RefusalReason, Refused
from router.schemas.anthropic.signatures import SIGNATURE, carrying
from shared.settings import ServerSettings
from shared.wire.jobs import TokenizeJob
from shared.wire.payloads import Done, Failed, FinishReason, Payload, Started, Tokenized, Tokens, ToolCallDelta
from tests.support.event_stream import events_in
from tests.support.requests.anthropic_answers import message_events, message_of
from tests.support.router.client import CHAT, ask, post, serving
from tests.support.router.fake_broker import MODEL, QUEUE_FULL, FakeBroker, Script, words
from tests.support.router.paced_broker import PacedBroker

PATH = "/v1/messages"
BODY = {**CHAT, "max_tokens": 9}
STREAM = {**BODY, "stream": True}

THOUGHT_AND_CALLS: list[Payload] = [
    Started(7, 3),
    Tokens("", [1], reasoning="Hm"),
    Tokens("", [2], reasoning="."),
    Tokens("Let me ", [3]),
    Tokens("see", [4], tool_calls=[ToolCallDelta(0, "weather", "")]),
    Tokens("", [5], tool_calls=[ToolCallDelta(0, None, '{"city": ')]),
    Tokens("", [6], tool_calls=[ToolCallDelta(0, None, '"Köln"}'), ToolCallDelta(1, "time", "{}")]),
    Done(FinishReason.TOOL_CALLS, 7, 3, 6, 0.1, reasoning_tokens=2),
]


def test_a_whole_message() -> None:
    response = post(FakeBroker(), PATH, BODY)
    message = response.json()
    assert response.headers["request-id"] == response.headers["x-request-id"]
    assert message.pop("id").startswith("msg_")
    usage = {"input_tokens": 4, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 3, "output_tokens": 2}
    assert message == {
        "type": "message",
        "role": "assistant",
        "model": "smol",
        "content": [{"type": "text", "text": "Once upon"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }


def test_thoughts_words_and_calls_are_blocks() -> None:
    message = post(FakeBroker(script=THOUGHT_AND_CALLS), PATH, BODY).json()
    ids = [block.pop("id") for block in message["content"] if block["type"] == "tool_use"]
    assert len(set(ids)) == 2
    assert all(each.startswith("toolu_") for each in ids)
    assert message["content"] == [
        {"type": "thinking", "thinking": "Hm.", "signature": SIGNATURE},
        {"type": "text", "text": "Let me see"},
        {"type": "tool_use", "name": "weather", "input": {"city": "Köln"}},
        {"type": "tool_use", "name": "time", "input": {}},
    ]
    assert message["stop_reason"] == "tool_use"
    assert message["usage"]["output_tokens_details"] == {"thinking_tokens": 2}


@pytest.mark.parametrize(
    ("arguments", "given"),
    [('{"city": "Os', {}), ('{"city": "Oslo", "day": "Mo', {"city": "Oslo"}), ('{"', {}), ("{", {}), ("x", {})],
)
def test_of_a_call_that_was_cut_off_a_message_has_what_is_whole(arguments: str, given: dict[str, str]) -> None:
    cut_off: Script = [
        Started(7, 3),
        Tokens("", [1], tool_calls=[ToolCallDelta(0, "weather", arguments)]),
        Done(FinishReason.LENGTH, 7, 3, 1, 0.1),
    ]
    message = post(FakeBroker(script=cut_off), PATH, BODY).json()
    (block,) = message["content"]
    assert (block["type"], block["name"], block["input"]) == ("tool_use", "weather", given)
    assert message["stop_reason"] == "max_tokens"


def test_the_events_of_a_message() -> None:
    response = post(FakeBroker(script=THOUGHT_AND_CALLS), PATH, STREAM)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["request-id"]
    events = message_events(response.text)
    shown = [event.json.get("content_block", event.json.get("delta", {})).get("type", event.kind) for event in events]
    assert shown == [
        "message_start",
        "thinking", "thinking_delta", "thinking_delta", "signature_delta", "content_block_stop",
        "text", "text_delta", "text_delta", "content_block_stop",
        "tool_use", "input_json_delta", "input_json_delta", "content_block_stop",
        "tool_use", "input_json_delta", "content_block_stop",
        "message_delta",
        "message_stop",
    ]  # fmt: skip
    start = events[0].json["message"]
    assert start["usage"]["input_tokens"] == 4
    assert start["usage"]["cache_read_input_tokens"] == 3
    assert (start["content"], start["stop_reason"]) == ([], None)


@pytest.mark.parametrize("thinking", [None, {"type": "adaptive", "display": "omitted"}])
@pytest.mark.parametrize("script", [THOUGHT_AND_CALLS, words("Once", " upon"), words(""), words()])
def test_the_events_put_together_are_the_whole_message(script: Script, thinking: Any) -> None:
    identified = {"headers": {"X-Request-ID": "one"}}
    whole = post(FakeBroker(script=script), PATH, {**BODY, "thinking": thinking}, **identified).json()
    streamed = message_of(
        message_events(post(FakeBroker(script=script), PATH, {**STREAM, "thinking": thinking}, **identified).text)
    )
    without_ids = [
        {**message, "id": "", "content": [{**block, "id": ""} for block in message["content"]]}
        for message in (whole, streamed)
    ]
    assert without_ids[0] == without_ids[1]


def test_a_thought_can_be_left_out_and_is_in_its_signature() -> None:
    body = {**BODY, "thinking": {"type": "adaptive", "display": "omitted"}}
    block = post(FakeBroker(script=THOUGHT_AND_CALLS), PATH, body).json()["content"][0]
    assert block == {"type": "thinking", "thinking": "", "signature": carrying("Hm.")}


@pytest.mark.parametrize("display", ["summarized", "updates", "a word of tomorrow", None])
def test_a_thought_is_shown_unless_it_is_to_be_omitted(display: str | None) -> None:
    """Claude Code asks for "updates", which the documents do not know."""
    body = {**BODY, "thinking": {"type": "adaptive", "display": display}}
    block = post(FakeBroker(script=THOUGHT_AND_CALLS), PATH, body).json()["content"][0]
    assert (block["type"], block["thinking"]) == ("thinking", "Hm.")


@pytest.mark.parametrize(
    ("end", "reason", "sequence"),
    [
        (Done(FinishReason.STOP, 1, 0, 2, 0.1), "end_turn", None),
        (Done(FinishReason.STOP, 1, 0, 2, 0.1, stop="END"), "stop_sequence", "END"),
        (Done(FinishReason.LENGTH, 1, 0, 2, 0.1), "max_tokens", None),
        (Done(FinishReason.LENGTH, 1, 0, 2, 0.1, context_full=True), "model_context_window_exceeded", None),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_why_an_answer_ended(end: Done, reason: str, sequence: str | None, stream: bool) -> None:
    response = post(FakeBroker(script=[Started(1, 0), Tokens("x", [1]), end]), PATH, {**BODY, "stream": stream})
    message = message_of(message_events(response.text)) if stream else response.json()
    assert (message["stop_reason"], message["stop_sequence"]) == (reason, sequence)


def test_a_call_without_arguments_has_an_empty_object() -> None:
    script: list[Payload] = [
        Started(1, 0),
        Tokens("", [1], tool_calls=[ToolCallDelta(0, "now", "")]),
        Tokens("and", [2]),
        Tokens("", [], tool_calls=[ToolCallDelta(0, None, "{}")]),
        Done(FinishReason.TOOL_CALLS, 1, 0, 2, 0.1),
    ]
    streamed = message_of(message_events(post(FakeBroker(script=script), PATH, STREAM).text))
    for message in (streamed, post(FakeBroker(script=script), PATH, BODY).json()):
        assert [block.get("input", block.get("text")) for block in message["content"]] == [{}, "and"]


def test_any_text_survives() -> None:
    text = 'line\u2028end\x85 "quoted" \\ \n\r\t\x00 ünï 🦊 </script>'
    response = post(FakeBroker(script=words(text)), PATH, STREAM)
    assert len(response.text.splitlines()) == len(response.content.splitlines())
    assert message_of(message_events(response.text))["content"][0]["text"] == text


def test_an_error_in_a_stream_is_an_event_of_anthropics() -> None:
    script: list[Payload] = [Started(1, 0), Tokens("x", [1]), Failed(503, "no worker")]
    response = post(FakeBroker(script=script), PATH, STREAM)
    last = message_events(response.text)[-1]
    request_id = response.headers["request-id"]
    assert last.json == {
        "type": "error",
        "error": {"type": "api_error", "message": "no worker"},
        "request_id": request_id,
    }


USERS_QUEUE_FULL = Refused(RefusalReason.USER_QUEUE_FULL, "your part is full", retry_after_s=3)
TOO_LONG = Failed(
    400, "messages: expected at most 2047 tokens in a context of 2048, got at least 3000", "messages",
    "context_length_exceeded",
)  # fmt: skip


TOO_LONG_TO_CLIENTS = "prompt is too long: 3000 tokens > 2047 maximum"


@pytest.mark.parametrize(
    ("broker", "body", "status", "kind", "message"),
    [
        (FakeBroker(), CHAT, 400, "invalid_request_error", "max_tokens is required"),
        (FakeBroker(), {**BODY, "top_p": 2}, 400, "invalid_request_error", "top_p: expected at most 1, got 2"),
        (FakeBroker(), {**BODY, "model": "x"}, 404, "not_found_error", "model: expected one of smol (text); got 'x'"),
        (FakeBroker(refusal=QUEUE_FULL), BODY, 529, "overloaded_error", "the queue is full"),
        (FakeBroker(refusal=USERS_QUEUE_FULL), BODY, 429, "rate_limit_error", "your part is full"),
        (FakeBroker(script=[Failed(413, "too large")]), BODY, 413, "request_too_large", "too large"),
        (FakeBroker(script=[Failed(504, "late")]), BODY, 504, "timeout_error", "late"),
        (FakeBroker(script=[TOO_LONG]), BODY, 400, "invalid_request_error", TOO_LONG_TO_CLIENTS),
    ],
)  # fmt: skip
def test_errors(broker: FakeBroker, body: Any, status: int, kind: str, message: str) -> None:
    response = post(broker, PATH, body)
    assert (response.status_code, response.json()["error"]) == (status, {"type": kind, "message": message})
    assert response.json()["type"] == "error"
    assert response.json()["request_id"] == response.headers["request-id"]
    assert ("retry-after" in response.headers) == (status in (429, 529))


@pytest.mark.parametrize(
    ("method", "path", "key", "status", "kind"),
    [
        ("POST", PATH, "", 401, "authentication_error"),
        ("GET", PATH, "KEY", 405, "invalid_request_error"),
        ("POST", f"{PATH}/other", "KEY", 404, "not_found_error"),
    ],
)
def test_errors_of_the_server_have_the_form_too(method: str, path: str, key: str, status: int, kind: str) -> None:
    broker = FakeBroker(ServerSettings(models=(MODEL,), run_folder="", api_key="KEY"))
    response = ask(broker, method, path, headers={"x-api-key": key} if key else {})
    assert (response.status_code, response.json()["error"]["type"]) == (status, kind)
    assert response.headers["request-id"]


def test_what_is_ignored_is_in_a_header() -> None:
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    response = post(FakeBroker(), PATH, {**BODY, "tools": tools})
    assert response.headers["x-nexa-warning"] == "tools: tools of type 'web_search_20250305' are ignored"


def test_the_servers_own_fields() -> None:
    broker = FakeBroker()
    post(broker, f"{PATH}?beta=true", {**BODY, "priority": "batch", "timeout": 7, "seed": 5})
    (job,) = broker.jobs
    assert (job.request.priority, job.request.timeout_s) == ("batch", 7)
    assert broker.texts[0].sampling.seed == 5


def test_counting_tokens() -> None:
    broker = FakeBroker(script=[Started(0, 0), Tokenized(42, 2048), Done(FinishReason.STOP, 0, 0, 0, 0.0)])
    tools = [{"name": "weather", "input_schema": {"type": "object"}}]
    response = post(broker, f"{PATH}/count_tokens", {**CHAT, "tools": tools})
    assert (response.status_code, response.json()) == (200, {"input_tokens": 42})
    work = broker.jobs[0].request.work
    assert isinstance(work, TokenizeJob)
    assert work.text.tools[0]["function"]["name"] == "weather"


def test_signs_of_life_are_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router.answers.event_stream, "KEEP_ALIVE_INTERVAL_S", 0.005)
    broker = PacedBroker(script=list(words("Once", " upon")), allowed=1)
    with serving(broker) as url, httpx.stream("POST", url + PATH, json=STREAM) as answer:
        text = ""
        for piece in answer.iter_text():
            text += piece
            if "event: ping" in text:
                broker.allowed = 9
    kinds = [event.kind for event in events_in(text)]
    assert kinds[:2] == ["message_start", "ping"]
    assert message_of(message_events(text))["content"] == [{"type": "text", "text": "Once upon"}]
