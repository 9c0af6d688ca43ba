"""``/tokenize`` and ``/detokenize``, in the words of llama.cpp's server and of vLLM."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import Request

from router.answers.tokenizing import counted_tokens
from router.api.text.tokens import QUICK_TOKENS
from router.http.request_record import RequestRecord
from shared.wire.jobs import TextJob, TokenizeJob, TokenOutput, ToolChoice
from shared.wire.payloads import Done, Failed, FinishReason, Started, Tokenized
from tests.support.router.client import app_of, ask, post
from tests.support.router.fake_broker import FakeBroker
from tests.support.router.metrics import scraped
from tests.support.router.watched_broker import WatchedBroker

MOUNTAIN = "🏔".encode()
ANSWER = Tokenized(3, 2048, [9, 8, 7], [b"a ", MOUNTAIN[:2], MOUNTAIN[2:]], "a 🏔")
END = Done(FinishReason.STOP, 0, 0, 0, 0.0)
MESSAGES = [{"role": "user", "content": "Hello"}]
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def broker() -> FakeBroker:
    return FakeBroker(script=[Started(0, 0), ANSWER, END])


def asked(path: str, body: dict[str, Any]) -> tuple[Any, TokenizeJob]:
    """The answer, and the job that was submitted for it."""
    asking = broker()
    response = post(asking, path, body)
    assert response.status_code == 200, response.text
    (job,) = asking.jobs
    assert isinstance(job.request.work, TokenizeJob)
    return response.json(), job.request.work


def error_of(path: str, body: dict[str, Any]) -> tuple[int, str, str]:
    response = post(broker(), path, body)
    error = response.json()["error"]
    return response.status_code, error["message"], error["param"]


@pytest.mark.parametrize("path", ["/tokenize", "/v1/tokenize"])
def test_a_text_in_the_words_of_llama_cpp_has_no_special_tokens_by_itself(path: str) -> None:
    answer, job = asked(path, {"content": "a 🏔"})
    assert answer == {"tokens": [9, 8, 7], "count": 3, "max_model_len": 2048, "token_strs": None}
    assert job == TokenizeJob(TextJob(prompt="a 🏔"), TokenOutput.IDS, add_special=False)


def test_a_text_in_the_words_of_vllm_has_special_tokens_by_itself() -> None:
    answer, job = asked("/tokenize", {"model": "smol", "prompt": "a 🏔", "return_token_strs": True})
    assert answer["token_strs"] == ["a ", "\ufffd", "\ufffd\ufffd"]
    assert answer["tokens"] == [9, 8, 7]
    assert job == TokenizeJob(TextJob(prompt="a 🏔"), TokenOutput.PIECES, add_special=True)


@pytest.mark.parametrize(
    ("body", "add_special"),
    [
        ({"content": "a", "add_special": True}, True),
        ({"content": "a", "add_special_tokens": True}, True),
        ({"prompt": "a", "add_special_tokens": False}, False),
    ],
)
def test_special_tokens_can_be_chosen(body: dict[str, Any], add_special: bool) -> None:
    assert asked("/tokenize", body)[1].add_special is add_special


def test_special_tokens_can_be_read_as_text() -> None:
    assert asked("/tokenize", {"content": "</s>", "parse_special": False})[1].text.parse_special is False


def test_pieces_are_text_or_bytes() -> None:
    answer, _ = asked("/tokenize", {"content": "a 🏔", "with_pieces": True})
    bytes_ = [{"id": 8, "piece": list(MOUNTAIN[:2])}, {"id": 7, "piece": list(MOUNTAIN[2:])}]
    assert answer["tokens"] == [{"id": 9, "piece": "a "}, *bytes_]


def test_many_tokens_are_written_beside_the_event_loop() -> None:
    many = QUICK_TOKENS + 1
    asking = FakeBroker(script=[Started(0, 0), Tokenized(many, 2048, list(range(many)), [b"a"] * many), END])
    answer = post(asking, "/tokenize", {"content": "a" * many, "with_pieces": True, "return_token_strs": True}).json()
    assert answer["tokens"][-1] == {"id": many - 1, "piece": "a"}
    assert (answer["count"], len(answer["tokens"]), answer["token_strs"]) == (many, many, ["a"] * many)


def test_a_chat_is_counted_with_its_tools_and_as_it_would_be_answered() -> None:
    body = {"messages": MESSAGES, "tools": [TOOL], "reasoning_effort": "low", "temperature": 0.5, "stream": True}
    _, job = asked("/tokenize", body)
    assert (job.output, job.text.messages, job.text.tool_choice) == (TokenOutput.IDS, MESSAGES, ToolChoice.AUTO)
    assert [tool["function"]["name"] for tool in job.text.tools] == ["weather"]
    assert job.text.reasoning_effort == "low"


@pytest.mark.parametrize(
    ("body", "message", "param"),
    [
        ({}, "content is required: a text (content or prompt) or a chat (messages)", "content"),
        ({"prompt": "a", "messages": MESSAGES}, "messages: expected either messages or prompt, got both", "messages"),
        ({"content": "a", "prompt": "b"}, "prompt: expected the same value as content ('a'), got 'b'", "prompt"),
        ({"content": ["a", 7]}, "content: expected a string, got ['a', 7]", "content"),
    ],
)
def test_what_cannot_be_tokenized(body: dict[str, Any], message: str, param: str) -> None:
    assert error_of("/tokenize", body) == (400, message, param)


@pytest.mark.parametrize("path", ["/detokenize", "/v1/detokenize"])
def test_tokens_become_text_in_the_words_of_both(path: str) -> None:
    answer, job = asked(path, {"tokens": [9, 8.0, 7]})
    assert answer == {"content": "a 🏔", "prompt": "a 🏔"}
    assert job == TokenizeJob(TextJob(prompt_tokens=[9, 8, 7]), TokenOutput.TEXT)


@pytest.mark.parametrize("tokens", ["a", [1, "a"], [-1], [True], [[1]]])
def test_what_cannot_be_detokenized(tokens: Any) -> None:
    status, message, param = error_of("/detokenize", {"tokens": tokens})
    assert (status, param) == (400, "tokens")
    assert message.startswith("tokens: expected a list of token ids (integers from 0), got ")


def test_what_a_worker_refuses_is_answered_as_it_says() -> None:
    refusing = FakeBroker(script=[Failed(400, "tokens: expected token ids from 0 to 9, got 10", "tokens")])
    response = post(refusing, "/detokenize", {"tokens": [10]})
    assert (response.status_code, response.json()["error"]["param"]) == (400, "tokens")


def test_the_tokens_that_begin_and_end_a_text_are_told() -> None:
    asking = FakeBroker(script=[Started(0, 0), Tokenized(0, 2048, pieces=[b"", b"</s>"]), END])
    answer = ask(asking, "GET", "/tokenizer_info?model=smol")
    assert answer.json() == {"bos_token": None, "eos_token": "</s>", "model_max_length": 2048}
    assert [job.request.work for job in asking.jobs] == [TokenizeJob(TextJob(prompt=""), TokenOutput.ENDS)]


def test_counting_uses_no_tokens() -> None:
    """Neither in the metrics nor in the usage of a key: nothing was computed."""
    counting = WatchedBroker(script=broker().script)
    post(counting, "/tokenize", {"content": "a"})
    (job,) = counting.jobs
    assert (job.generated, job.done) == ([], END)
    metrics = scraped(counting)
    assert (
        metrics['nexa_requests_total{endpoint="/tokenize",kind="text",model="smol",outcome="done",status="200"}'] == 1
    )
    assert metrics['nexa_prompt_tokens_total{model="smol"}'] == 0


def test_other_apis_count_with_the_job_that_would_answer() -> None:
    counting, job = broker(), TextJob(messages=MESSAGES, max_tokens=5)
    app = app_of(counting)

    async def count() -> int:
        request = Request({"type": "http", "app": app}, receive=_never)
        return await counted_tokens(request, counting, RequestRecord(), None, job)

    assert asyncio.run(count()) == 3
    assert [job.request.work for job in counting.jobs] == [TokenizeJob(job)]


async def _never() -> Any:
    await asyncio.get_running_loop().create_future()
