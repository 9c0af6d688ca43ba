"""Whole answers of the text endpoints, and the server's own endpoints."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from router.api.text.logprobs import MIN_LOGPROB
from shared.settings import ServerSettings
from shared.wire.jobs import TextJob
from shared.wire.payloads import Done, Failed, FinishReason, Payload, Started, TokenLogprob, Tokens, ToolCallDelta
from tests.support.event_stream import chunks_in
from tests.support.router.client import CHAT, COMPLETION, ask, post
from tests.support.router.fake_broker import MODEL, QUEUE_FULL, ROW, FakeBroker, Script, words

TOOLS = {"tools": [{"type": "function", "function": {"name": "UserDetail"}}]}
CALL: list[Payload] = [
    Started(316, 0),
    Tokens("", [1], tool_calls=[ToolCallDelta(0, "UserDetail", "")]),
    Tokens("", [2], tool_calls=[ToolCallDelta(0, None, '{"name": "Jason"')]),
    Tokens("", [3], tool_calls=[ToolCallDelta(0, None, ', "age": 25}')]),
    Done(FinishReason.TOOL_CALLS, 316, 0, 15, 0.1),
]
LOGPROBS: list[Payload] = [
    Started(1, 0),
    Tokens("Hé", [1], [TokenLogprob("Hé", "Hé".encode(), -0.5, [("Hé", "Hé".encode(), -0.5), ("He", b"He", -1.0)])]),
    Tokens("!", [2], [TokenLogprob("!", b"!", float("-inf"), [("?", b"?", -0.1)], 2)]),
    Done(FinishReason.STOP, 1, 0, 2, 0.1),
]


def test_a_completion_has_both_vocabularies() -> None:
    answer = post(FakeBroker(), "/v1/completions", COMPLETION).json()
    assert answer["result"] == "Once upon"
    assert answer["object"] == "text_completion"
    assert answer["model"] == "smol"
    assert answer["id"].startswith("cmpl-")
    assert answer["choices"] == [{"text": "Once upon", "index": 0, "logprobs": None, "finish_reason": "stop"}]
    assert answer["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 2,
        "total_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def test_a_chat() -> None:
    answer = post(FakeBroker(), "/v1/chat/completions", {**CHAT, "model": "gpt-4o"}).json()
    assert answer["object"] == "chat.completion"
    assert answer["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Once upon"},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert "result" not in answer


def test_a_function_call_is_as_documented() -> None:
    answer = post(FakeBroker(script=CALL), "/v1/function-calling", {**CHAT, **TOOLS}).json()
    (choice,) = answer["choices"]
    message = choice["message"]
    assert choice["finish_reason"] == "tool_calls"
    assert message["content"] is None
    (call,) = message["tool_calls"]
    assert call["id"] == "call__0_UserDetail_" + answer["id"].removeprefix("chat")
    assert call["type"] == "function"
    assert call["function"] == {"name": "UserDetail", "arguments": '{"name": "Jason", "age": 25}'}
    assert message["function_call"] == call["function"]
    assert answer["usage"]["total_tokens"] == 331


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/function-calling"])
def test_a_call_of_the_older_functions_has_their_form(path: str) -> None:
    broker = FakeBroker(script=CALL)
    body = {**CHAT, "functions": [{"name": "UserDetail"}], "function_call": {"name": "UserDetail"}}
    (choice,) = post(broker, path, body).json()["choices"]
    call = {"name": "UserDetail", "arguments": '{"name": "Jason", "age": 25}'}
    assert choice["message"] == {"role": "assistant", "content": None, "function_call": call}
    assert choice["finish_reason"] == "function_call"


def test_words_in_answer_to_the_older_functions() -> None:
    body = {**CHAT, "functions": [{"name": "UserDetail"}], "function_call": "none"}
    (choice,) = post(FakeBroker(), "/v1/chat/completions", body).json()["choices"]
    assert choice["message"] == {"role": "assistant", "content": "Once upon"}
    assert choice["finish_reason"] == "stop"


def test_calls_of_a_chat_have_short_ids_of_their_own() -> None:
    two = [*CALL[:-1], Tokens("", [3], tool_calls=[ToolCallDelta(1, "UserDetail", "{}")]), CALL[-1]]
    seen = set[str]()
    for body in ({}, {"stream": True}):
        answered = post(FakeBroker(script=two), "/v1/chat/completions", {**CHAT, **TOOLS, **body, "n": 2})
        ids = re.findall(r'"id":"([^"]+)","type":"function"', answered.text)
        assert len(set(ids)) == 4
        assert all(re.fullmatch("[A-Za-z0-9]{9}", identifier) for identifier in ids)
        assert not seen & set(ids)
        seen |= set(ids)


def test_a_thought_is_apart_from_the_words() -> None:
    script: list[Payload] = [
        Started(3, 0),
        Tokens("", [1], reasoning="They "),
        Tokens("Hel", [2, 3], reasoning="ask."),
        Tokens("lo", [4]),
        Done(FinishReason.STOP, 3, 0, 4, 0.1, reasoning_tokens=2),
    ]
    answer = post(FakeBroker(script=script), "/v1/chat/completions", CHAT).json()
    message = {"role": "assistant", "content": "Hello", "reasoning_content": "They ask."}
    assert answer["choices"][0]["message"] == message
    assert answer["usage"]["completion_tokens_details"] == {"reasoning_tokens": 2}
    chunks = chunks_in(post(FakeBroker(script=script), "/v1/chat/completions", {**CHAT, "stream": True}).text)
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "They "},
        {"reasoning_content": "ask."},
        {"content": "Hel"},
        {"content": "lo"},
        {},
    ]


def test_log_probabilities_of_a_thought_come_with_it() -> None:
    rows = [TokenLogprob("They", b"They", -1.0), TokenLogprob("Hi", b"Hi", -2.0)]
    script: list[Payload] = [
        Started(3, 0),
        Tokens("", [1], rows[:1], reasoning="They"),
        Tokens("Hi", [2], rows[1:]),
        Done(FinishReason.STOP, 3, 0, 2, 0.1, reasoning_tokens=1),
    ]
    body = {**CHAT, "logprobs": True}
    whole = post(FakeBroker(script=script), "/v1/chat/completions", body).json()["choices"][0]
    assert [row["token"] for row in whole["logprobs"]["content"]] == ["They", "Hi"]
    chunks = chunks_in(post(FakeBroker(script=script), "/v1/chat/completions", {**body, "stream": True}).text)
    (thought, words) = (chunk["choices"][0] for chunk in chunks[1:3])
    assert thought["delta"] == {"reasoning_content": "They"}
    assert [row["token"] for row in thought["logprobs"]["content"]] == ["They"]
    assert words["delta"] == {"content": "Hi"}
    assert [row["token"] for row in words["logprobs"]["content"]] == ["Hi"]


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_not_enforced_is_named_in_a_header(stream: bool) -> None:
    warnings = ["tools: see: not enforced: parameters.properties.ü.format", "x" * 3000]
    script: list[Payload] = [Started(3, 0, warnings), *words("a")[1:]]
    answered = post(FakeBroker(script=script), "/v1/chat/completions", {**CHAT, "stream": stream})
    header = answered.headers["X-Nexa-Warning"]
    assert header.startswith("tools: see: not enforced: parameters.properties.?.format; xxx")
    assert len(header) == 2000
    assert "X-Nexa-Warning" not in post(FakeBroker(), "/v1/chat/completions", {**CHAT, "stream": stream}).headers


def test_several_prompts_and_choices() -> None:
    def script(job: TextJob) -> Script:
        return words(f"{job.prompt}{job.sampling.seed}")

    broker = FakeBroker(script=script)
    answer = post(broker, "/v1/completions", {"prompt": ["a", "b"], "n": 2, "seed": 5}).json()
    assert [(choice["index"], choice["text"]) for choice in answer["choices"]] == [
        (0, "a5"),
        (1, "a6"),
        (2, "b5"),
        (3, "b6"),
    ]
    assert answer["usage"]["prompt_tokens"] == 2 * 7
    assert answer["usage"]["completion_tokens"] == 4


@pytest.mark.parametrize("name", ["logprobs", "n_probs"])
def test_logprobs_of_a_completion(name: str) -> None:
    answer = post(FakeBroker(script=LOGPROBS), "/v1/completions", {**COMPLETION, name: 2}).json()
    assert answer["choices"][0]["logprobs"] == {
        "tokens": ["Hé", "!"],
        "token_logprobs": [-0.5, MIN_LOGPROB],
        "top_logprobs": [{"Hé": -0.5, "He": -1.0}, {"?": -0.1, "!": MIN_LOGPROB}],
        "text_offset": [0, 2],
    }


def test_logprobs_of_an_echoed_prompt() -> None:
    first = TokenLogprob("Say", b"Say", None)
    second = TokenLogprob(":", b":", -2.0, [(" it", b" it", -1.5)], 3)
    end = TokenLogprob("!", b"!", -0.25, [], 4)
    script: list[Payload] = [
        Started(2, 0),
        Tokens("Say", [], [first]),
        Tokens(":", [], [second]),
        Tokens("!", [1], [end]),
        Done(FinishReason.LENGTH, 2, 0, 1, 0.1),
    ]
    body = {**COMPLETION, "logprobs": 1, "echo": True}
    (choice,) = post(FakeBroker(script=script), "/v1/completions", body).json()["choices"]
    assert choice["text"] == "Say:!"
    assert choice["logprobs"] == {
        "tokens": ["Say", ":", "!"],
        "token_logprobs": [None, -2.0, -0.25],
        "top_logprobs": [None, {" it": -1.5, ":": -2.0}, {"!": -0.25}],
        "text_offset": [0, 3, 4],
    }


def test_different_parts_of_characters_have_different_names() -> None:
    parts = [b"\xf0\x9f", b"\xf0\x9d", "\N{REPLACEMENT CHARACTER}".encode()]
    top = [(part.decode("utf-8", "replace"), part, -1.0 - rank) for rank, part in enumerate(parts)]
    script: list[Payload] = [
        Started(1, 0),
        Tokens("", [1], [TokenLogprob(*top[0], top)]),
        Done(FinishReason.LENGTH, 1, 0, 1, 0.1),
    ]
    answer = post(FakeBroker(script=script), "/v1/completions", {**COMPLETION, "logprobs": 3}).json()
    logprobs = answer["choices"][0]["logprobs"]
    assert logprobs["tokens"] == [r"bytes:\xf0\x9f"]
    named = {r"bytes:\xf0\x9f": -1.0, r"bytes:\xf0\x9d": -2.0, "\N{REPLACEMENT CHARACTER}": -3.0}
    assert logprobs["top_logprobs"] == [named]


def test_logprobs_of_a_chat() -> None:
    body = {**CHAT, "logprobs": True, "top_logprobs": 2}
    answer = post(FakeBroker(script=LOGPROBS), "/v1/chat/completions", body).json()
    first = answer["choices"][0]["logprobs"]["content"][0]
    assert first["token"] == "Hé"
    assert first["bytes"] == [72, 195, 169]
    assert first["top_logprobs"][1] == {"token": "He", "logprob": -1.0, "bytes": [72, 101]}


def test_a_failed_job_is_an_error_with_its_status() -> None:
    broker = FakeBroker(
        script=[Started(1, 0), Failed(400, "the prompt is too long", "prompt", "context_length_exceeded")]
    )
    response = post(broker, "/v1/completions", COMPLETION)
    assert response.status_code == 400
    assert response.json()["error"] == {
        "message": "the prompt is too long",
        "type": "invalid_request_error",
        "param": "prompt",
        "code": "context_length_exceeded",
    }


def test_one_failed_choice_cancels_the_others() -> None:
    def script(job: TextJob) -> Script:
        return [Failed(500, "broken")] if job.sampling.seed == 1 else [Started(1, 0)]

    broker = FakeBroker(script=script)
    assert post(broker, "/v1/completions", {**COMPLETION, "n": 3, "seed": 0}).status_code == 500
    assert len(broker.cancelled) == 2


def test_a_full_queue_says_when_to_retry() -> None:
    broker = FakeBroker(refusal=QUEUE_FULL)
    response = post(broker, "/v1/chat/completions", CHAT)
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "3"


def test_choices_already_queued_are_cancelled_when_the_queue_is_full() -> None:
    broker = FakeBroker(refusal=QUEUE_FULL, accepts=2, script=[])
    assert post(broker, "/v1/chat/completions", {**CHAT, "n": 4}).status_code == 429
    assert broker.cancelled == broker.jobs
    assert len(broker.jobs) == 2


def test_more_choices_than_can_ever_wait_are_a_400() -> None:
    settings = ServerSettings(models=(MODEL.model_copy(update={"slots": 4}),), run_folder="", queue_limit=10)
    body = {**COMPLETION, "prompt": ["a"] * 5, "n": 3}
    response = post(FakeBroker(settings=settings), "/v1/completions", body)
    assert response.status_code == 400
    message = "n: expected at most 9 choices over all prompts (the server's slots and your part of its queue), got 15"
    assert response.json()["error"]["message"] == message


def test_an_unknown_model_is_404() -> None:
    response = post(FakeBroker(), "/v1/completions", {**COMPLETION, "model": "llama-9"})
    assert response.status_code == 404
    assert response.json()["error"]["param"] == "model"


def test_models() -> None:
    listed = ask(FakeBroker(), "GET", "/v1/models").json()
    (model,) = listed["data"]
    assert listed["object"] == "list"
    assert {key: model[key] for key in ("id", "object", "kind", "kinds", "ready", "context_length", "aliases")} == {
        "id": "smol",
        "object": "model",
        "kind": "text",
        "kinds": ["text"],
        "ready": True,
        "context_length": 2048,
        "aliases": ["gpt-4o", "small"],
    }
    for name in ("small", "smol:latest", "SMOL"):
        assert ask(FakeBroker(), "GET", f"/v1/models/{name}").json() == model
    assert ask(FakeBroker(), "GET", "/v1/models/a/b").status_code == 404


def test_health_and_readiness() -> None:
    waiting = FakeBroker(missing={"smol": "its worker is loading"})
    assert ask(waiting, "GET", "/health").status_code == 200
    assert ask(FakeBroker(), "GET", "/ready").status_code == 200
    response = ask(waiting, "GET", "/ready")
    assert response.status_code == 503
    assert response.json()["missing"] == {"smol": "its worker is loading"}


def test_workers() -> None:
    assert ask(FakeBroker(), "GET", "/v1/workers").json()["data"] == [dataclasses.asdict(ROW)]


def test_docs_load_nothing_from_elsewhere() -> None:
    page = ask(FakeBroker(), "GET", "/docs").text
    assert "://" not in page
    assert ask(FakeBroker(), "GET", "/static-offline-docs/swagger-ui-bundle.js").status_code == 200


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/chat/completions", "/v1/function-calling"])
def test_the_documented_example_is_in_the_schema_and_is_answered(path: str) -> None:
    schema = ask(FakeBroker(), "GET", "/openapi.json").json()
    operation = schema["paths"][path]["post"]
    name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    (example,) = schema["components"]["schemas"][name]["examples"]
    assert post(FakeBroker(), path, example).status_code == 200
    assert {"400", "401", "404", "413", "429", "503", "504"} <= set(operation["responses"])
    assert "422" not in json.dumps(operation["responses"])
