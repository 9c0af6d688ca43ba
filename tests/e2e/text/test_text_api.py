"""The text endpoints, native and OpenAI vocabulary, with the embedded model."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tests.support.running_server import RunningServer, wait_until

GREEDY = {"temperature": 0}
COUNTING = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,"
"""Goes on in one way only, by such a margin that the batch's shape, which changes the last bits of the arithmetic, does
not matter."""


def test_native_completion_has_result_and_openai_fields(server: RunningServer) -> None:
    body = {"prompt": "Tell me a story", "temperature": 1, "max_new_tokens": 12, "top_k": 50, "top_p": 1}
    answer = server.post("/v1/completions", {**body, "stop_words": ["string"]})
    assert answer["object"] == "text_completion"
    assert answer["result"] == answer["choices"][0]["text"] != ""
    assert answer["usage"]["completion_tokens"] <= 12


def test_native_default_is_128_tokens(server: RunningServer) -> None:
    answer = server.post("/v1/completions", {"prompt": "Tell me a story", "ignore_eos": True})
    assert answer["usage"]["completion_tokens"] == 128
    assert answer["choices"][0]["finish_reason"] == "length"


def test_chat_answer_has_the_documented_shape(server: RunningServer) -> None:
    messages = [{"role": "user", "content": "Tell me a story"}]
    body = {"messages": messages, "max_tokens": 16, "temperature": 0.1, "stream": False, "stop_words": []}
    answer = server.post("/v1/chat/completions", body)
    choice = answer["choices"][0]
    assert answer["object"] == "chat.completion"
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"]
    assert choice["logprobs"] is None
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_chat_without_max_tokens_runs_to_the_end_of_the_turn(server: RunningServer) -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}], **GREEDY}
    assert server.post("/v1/chat/completions", body)["choices"][0]["finish_reason"] == "stop"


def test_streamed_text_equals_the_whole_answer(server: RunningServer) -> None:
    body = {"prompt": COUNTING, "max_tokens": 40, **GREEDY}
    whole = server.post("/v1/completions", body)["choices"][0]
    chunks = list(server.stream("/v1/completions", body))
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == whole["text"]
    assert chunks[-1]["choices"][0]["finish_reason"] == whole["finish_reason"]


def test_streamed_chat_begins_with_the_role_and_ends_with_the_reason(server: RunningServer) -> None:
    body = {"messages": [{"role": "user", "content": "Name three colours."}], "max_tokens": 8, **GREEDY}
    chunks = [chunk["choices"][0] for chunk in server.stream("/v1/chat/completions", body)]
    assert chunks[0]["delta"] == {"role": "assistant", "content": ""}
    assert all(chunk["delta"]["content"] for chunk in chunks[1:-1])
    assert (chunks[-1]["delta"], chunks[-1]["finish_reason"]) == ({}, "length")


def test_stream_reports_usage_when_asked_for(server: RunningServer) -> None:
    body = {"prompt": "one two three", "max_tokens": 5, "ignore_eos": True, "stream_options": {"include_usage": True}}
    chunks = list(server.stream("/v1/completions", body))
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 5
    assert "cached_tokens" in chunks[-1]["usage"]["prompt_tokens_details"]


def test_stop_word_across_token_borders_is_cut_off(server: RunningServer) -> None:
    body = {"prompt": COUNTING, "max_tokens": 60, **GREEDY}
    free = server.post("/v1/completions", body)["result"]
    stop = "5, 16"
    assert stop in free
    answer = server.post("/v1/completions", {**body, "stop": [stop]})
    assert answer["result"] == free[: free.index(stop)]
    assert answer["choices"][0]["finish_reason"] == "stop"
    streamed = "".join(c["choices"][0]["text"] for c in server.stream("/v1/completions", {**body, "stop": stop}))
    assert streamed == answer["result"]


def test_n_choices_differ_and_count_the_prompt_once(server: RunningServer) -> None:
    body = {"prompt": "Once upon a time", "max_tokens": 12, "temperature": 1.5, "n": 3, "seed": 1, "ignore_eos": True}
    answer = server.post("/v1/completions", body)
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert len({choice["text"] for choice in answer["choices"]}) == 3
    assert answer["usage"]["completion_tokens"] == 36
    assert answer["usage"]["prompt_tokens"] == 4


def test_chat_logprobs_are_probabilities_of_the_text(server: RunningServer) -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 6, "logprobs": True, "top_logprobs": 3}
    choice = server.post("/v1/chat/completions", {**body, **GREEDY})["choices"][0]
    rows = choice["logprobs"]["content"]
    assert b"".join(bytes(row["bytes"]) for row in rows).decode() == choice["message"]["content"]
    for row in rows:
        assert len(row["top_logprobs"]) == 3
        assert row["logprob"] == row["top_logprobs"][0]["logprob"]  # greedy takes the first
        assert 0 < sum(math.exp(top["logprob"]) for top in row["top_logprobs"]) <= 1.0001


def test_logit_bias_makes_a_token_certain(server: RunningServer) -> None:
    body = {"prompt": "The capital of France is", "max_tokens": 4, **GREEDY}
    answer = server.post("/v1/completions", {**body, "logit_bias": {"28": 100}, "logprobs": 1})
    tokens = answer["choices"][0]["logprobs"]["tokens"]
    assert len(tokens) == 4
    assert len(set(tokens)) == 1
    assert answer["result"] != server.post("/v1/completions", body)["result"]


@pytest.mark.parametrize("penalty", ["repeat_penalty", "frequency_penalty", "presence_penalty"])
def test_penalties_change_a_repetitive_text(server: RunningServer, penalty: str) -> None:
    body = {"prompt": "a a a a a a a a", "max_tokens": 24, **GREEDY}
    plain = server.post("/v1/completions", body)["result"]
    assert server.post("/v1/completions", {**body, penalty: 1.9})["result"] != plain


def test_echo_begins_with_the_prompt(server: RunningServer) -> None:
    prompt = "Grüße, 世界! 🙂"
    answer = server.post("/v1/completions", {"prompt": prompt, "max_tokens": 3, "echo": True})
    assert answer["result"].startswith(prompt)


def test_a_scored_prompt_has_the_log_probabilities_of_its_tokens(server: RunningServer) -> None:
    body = {"prompt": "a\N{GRINNING FACE}b\N{EURO SIGN}c", "max_tokens": 1, "echo": True, "logprobs": 2, **GREEDY}
    for _ in range(2):  # the second time with a cache
        (choice,) = server.post("/v1/completions", body)["choices"]
        logprobs = choice["logprobs"]
        assert logprobs["text_offset"][:7] == [0, 1, 1, 1, 2, 3, 4]
        assert logprobs["tokens"][:3] == ["a", r"bytes:\xf0\x9f", r"bytes:\x98"]
        assert [logprobs["token_logprobs"][0], logprobs["top_logprobs"][0]] == [None, None]
        assert all(logprob < 0 for logprob in logprobs["token_logprobs"][1:])
        assert all(len(alternatives) in (2, 3) for alternatives in logprobs["top_logprobs"][1:])
        chunks = [chunk["choices"][0] for chunk in server.stream("/v1/completions", body)]
        parts = [chunk["logprobs"] for chunk in chunks if chunk["logprobs"]]
        assert [token for part in parts for token in part["tokens"]] == logprobs["tokens"]
        assert [offset for part in parts for offset in part["text_offset"]] == logprobs["text_offset"]
        assert "".join(chunk["text"] for chunk in chunks) == choice["text"]


def test_a_prompt_is_scored_without_a_generated_token(server: RunningServer) -> None:
    body = {"prompt": [[504, 3575, 282], [504, 3575]], "max_tokens": 0, "echo": True, "logprobs": 1}
    answer = server.post("/v1/completions", body)
    assert answer["choices"][0]["text"].startswith(answer["choices"][1]["text"])
    assert [len(choice["logprobs"]["tokens"]) for choice in answer["choices"]] == [3, 2]
    assert answer["usage"]["completion_tokens"] == 0


def test_a_character_that_the_end_cuts_is_left_out(server: RunningServer) -> None:
    """Token 40303 is a space and three of the four bytes of a face."""
    body = {"max_tokens": 1, "logit_bias": {"40303": 100}, **GREEDY}
    assert server.post("/v1/completions", {"prompt": "Hi", **body})["result"] == " "
    chunks = server.stream("/v1/completions", {"prompt": "Hi", **body})
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == " "
    chat = {"messages": [{"role": "user", "content": "Hi"}], **body}
    assert server.post("/v1/chat/completions", chat)["choices"][0]["message"]["content"] == " "
    deltas = [chunk["choices"][0]["delta"] for chunk in server.stream("/v1/chat/completions", chat)]
    assert "".join(delta.get("content", "") for delta in deltas) == " "


def test_numbers_of_any_size_reach_a_worker_or_are_ignored(server: RunningServer) -> None:
    huge = 10**400
    schema = {"type": "object", "properties": {"a": {"type": "integer", "maximum": huge}}, "required": ["a"]}
    body = {"messages": [{"role": "user", "content": "Hi"}], "metadata": [huge], "chat_template_kwargs": {"n": huge}}
    answer = server.post("/v1/chat/completions", {**body, "max_tokens": 40, "json_schema": schema})
    assert isinstance(json.loads(answer["choices"][0]["message"]["content"])["a"], int)


def test_prompt_as_token_ids(server: RunningServer) -> None:
    answer = server.post("/v1/completions", {"prompt": [504, 3575, 282], "max_tokens": 4})
    assert answer["usage"]["prompt_tokens"] == 3


def test_repeated_prompt_comes_from_the_cache(server: RunningServer) -> None:
    body = {"messages": [{"role": "user", "content": "A sentence for the cache. " * 20}], "max_tokens": 2}
    server.post("/v1/chat/completions", body)
    usage = server.post("/v1/chat/completions", body)["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == usage["prompt_tokens"] - 1


def test_response_format_json_object(server: RunningServer) -> None:
    body: dict[str, Any] = {"messages": [{"role": "user", "content": "Describe a cat as JSON."}], "max_tokens": 60}
    answer = server.post("/v1/chat/completions", {**body, "response_format": {"type": "json_object"}})
    assert isinstance(json.loads(answer["choices"][0]["message"]["content"]), dict)


def test_grammar_in_gbnf_and_in_lark(server: RunningServer) -> None:
    for grammar in ('root ::= "yes" | "no"', 'start: "yes" | "no"'):
        answer = server.post("/v1/completions", {"prompt": "Is water wet?", "grammar": grammar, "max_tokens": 5})
        assert answer["result"] in ("yes", "no")


def test_prompt_longer_than_the_context_names_both_numbers(server: RunningServer) -> None:
    answer = server.client.post("/v1/completions", json={"prompt": "word " * 9000, "max_tokens": 1})
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["param"] == "prompt"
    assert error["code"] == "context_length_exceeded"
    assert "8192" in error["message"]
    assert "900" in error["message"]


def test_unknown_model_says_what_is_served(server: RunningServer) -> None:
    answer = server.client.post("/v1/completions", json={"prompt": "x", "model": "llama-9"})
    assert answer.status_code == 404
    assert "smollm2" in answer.json()["error"]["message"]


def test_request_id_is_given_back(server: RunningServer) -> None:
    answer = server.client.post(
        "/v1/completions", json={"prompt": "x", "max_tokens": 1}, headers={"X-Request-ID": "abc-1"}
    )
    assert answer.headers["X-Request-ID"] == "abc-1"
    wait_until(lambda: "id=abc-1" in server.output(), "the request is in the log")


def test_special_tokens_of_a_prompt_are_text_if_the_client_says_so(server: RunningServer) -> None:
    body = {"prompt": "<|im_start|>user", "max_tokens": 0, "echo": True}
    special = server.post("/v1/completions", body)
    as_text = server.post("/v1/completions", {**body, "parse_special": False})
    assert special["result"] == as_text["result"] == "<|im_start|>user"
    assert special["usage"]["prompt_tokens"] == 2
    assert as_text["usage"]["prompt_tokens"] > 4


def test_a_message_that_spells_a_special_token_is_text(server: RunningServer) -> None:
    def prompt_tokens(content: str) -> int:
        body = {"messages": [{"role": "user", "content": content}], "max_tokens": 1}
        return int(server.post("/v1/chat/completions", body)["usage"]["prompt_tokens"])

    assert prompt_tokens("<|im_end|>" * 8) > prompt_tokens("") + 4 * 8


def test_counted_tokens_are_those_of_the_prompt_under_any_clients_name_for_the_model(server: RunningServer) -> None:
    chat = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Tell me a story"}], "max_tokens": 1}
    counted = server.post("/tokenize", chat)
    answer = server.post("/v1/chat/completions", chat)
    assert counted["count"] == len(counted["tokens"]) == answer["usage"]["prompt_tokens"]
    assert answer["model"] == "smollm2"
    text = server.post("/detokenize", {"tokens": counted["tokens"]})["content"]
    assert "<|im_start|>user\nTell me a story<|im_end|>" in text
