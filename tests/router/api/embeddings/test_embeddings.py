"""``/v1/embeddings``: bodies, answers and errors."""

from __future__ import annotations

import base64
import struct
from typing import Any

import httpx
import pytest

from router.api.embeddings.embeddings import SMALL_BYTES
from router.schemas.embeddings.embeddings import MAX_INPUTS
from shared.wire.jobs import EmbedJob, Truncation
from shared.wire.payloads import Done, Failed, FinishReason, Started, Vectors
from tests.support.requests.embeddings import script_of
from tests.support.router.client import ask, post
from tests.support.router.fake_broker import MODEL, FakeBroker
from tests.support.router.watched_broker import WatchedBroker

ROUTE = "/v1/embeddings"


def job_of(broker: FakeBroker, body: dict[str, Any]) -> EmbedJob:
    response = post(broker, ROUTE, body)
    assert response.status_code == 200, response.text
    work = broker.jobs[-1].request.work
    assert isinstance(work, EmbedJob)
    return work


def error_of(response: httpx.Response) -> tuple[int, str, str | None]:
    error = response.json()["error"]
    return response.status_code, error["message"], error["param"]


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("hello", ["hello"]),
        (["a", "b"], ["a", "b"]),
        ([1, 2.0, 3], [[1, 2, 3]]),
        ([[1, 2], [3]], [[1, 2], [3]]),
        ("", [""]),
    ],
)
def test_inputs_are_texts_or_token_ids(broker: FakeBroker, given: Any, inputs: list[Any]) -> None:
    assert job_of(broker, {"input": given}) == EmbedJob(inputs)


@pytest.mark.parametrize("given", [[], 5, {"a": 1}, ["a", 1], ["a", [1]], [[]], [[1], []], [-1], [[-1]], [1.5], [True]])
def test_other_inputs_are_refused(broker: FakeBroker, given: Any) -> None:
    status, message, param = error_of(post(broker, ROUTE, {"input": given}))
    assert (status, param) == (400, "input")
    assert message.startswith("input: expected a string, or a non-empty list of strings, of token ids or of lists")


def test_the_number_of_inputs_is_bounded(broker: FakeBroker) -> None:
    assert len(job_of(broker, {"input": ["a"] * MAX_INPUTS}).inputs) == MAX_INPUTS
    status, message, _ = error_of(post(broker, ROUTE, {"input": ["a"] * (MAX_INPUTS + 1)}))
    assert (status, message) == (400, f"input: expected at most {MAX_INPUTS} inputs, got {MAX_INPUTS + 1}")


def test_a_missing_input_is_named(broker: FakeBroker) -> None:
    assert error_of(post(broker, ROUTE, {})) == (400, "input is required", "input")


@pytest.mark.parametrize(
    ("given", "truncation"),
    [
        (True, Truncation.END),
        (False, Truncation.NONE),
        ("END", Truncation.END),
        ("start", Truncation.START),
        ("NONE", Truncation.NONE),
        (None, Truncation.NONE),
    ],
)
def test_what_is_too_long_can_be_cut(broker: FakeBroker, given: Any, truncation: Truncation) -> None:
    assert job_of(broker, {"input": "a", "truncate": given}).truncate is truncation


@pytest.mark.parametrize("given", ["middle", 1, []])
def test_another_truncation_is_refused(broker: FakeBroker, given: Any) -> None:
    status, message, param = error_of(post(broker, ROUTE, {"input": "a", "truncate": given}))
    assert (status, param) == (400, "truncate")
    assert message == f'truncate: expected true, false, "none", "start" or "end", got {given!r}'


@pytest.mark.parametrize("given", [0, -1, 1 << 20, "4"])
def test_dimensions_are_a_positive_number(broker: FakeBroker, given: Any) -> None:
    assert error_of(post(broker, ROUTE, {"input": "a", "dimensions": given}))[::2] == (400, "dimensions")


def test_the_answer_has_the_vectors_in_the_order_of_the_inputs(broker: FakeBroker) -> None:
    answer = post(broker, ROUTE, {"input": ["a", "b", "c"], "model": MODEL.name}).json()
    assert answer["object"] == "list"
    assert answer["model"] == MODEL.name
    assert answer["usage"] == {"prompt_tokens": 9, "total_tokens": 9}
    assert [(item["object"], item["index"]) for item in answer["data"]] == [("embedding", index) for index in range(3)]
    rows = [item["embedding"] for item in answer["data"]]
    assert rows == [pytest.approx([index, index + 0.1, index + 0.2, index + 0.3]) for index in range(3)]


def test_numbers_are_read_back_as_the_same_float32(broker: FakeBroker) -> None:
    numbers = struct.unpack("<4f", bytes(range(64, 80)))
    broker.script = [
        Started(1, 0),
        Vectors([0], 4, bytes(range(64, 80))),
        Done(FinishReason.STOP, 1, 0, 0, 0.0),
    ]
    read = post(broker, ROUTE, {"input": "a"}).json()["data"][0]["embedding"]
    assert struct.pack("<4f", *read) == struct.pack("<4f", *numbers)


def test_base64_has_the_bytes(broker: FakeBroker) -> None:
    answer = post(broker, ROUTE, {"input": ["a", "b"], "encoding_format": "base64", "dimensions": 2}).json()
    rows = [struct.unpack("<2f", base64.b64decode(item["embedding"])) for item in answer["data"]]
    assert rows == [pytest.approx((0.0, 0.1)), pytest.approx((1.0, 1.1))]


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_large_answers_are_written_in_a_thread_and_are_the_same(broker: FakeBroker, encoding: str) -> None:
    count = SMALL_BYTES // 4 // 64 + 1
    body = {"input": ["a"] * count, "dimensions": 64, "encoding_format": encoding}
    large = post(broker, ROUTE, body).json()
    small = post(broker, ROUTE, {**body, "input": ["a", "b"]}).json()
    assert len(large["data"]) == count
    assert large["data"][:2] == small["data"]


def test_a_job_that_was_begun_again_sends_its_vectors_twice(broker: FakeBroker) -> None:
    first, second = (Vectors([index], 1, struct.pack("<f", index)) for index in range(2))
    broker.script = [Started(2, 0), first, Started(2, 0), first, second, Done(FinishReason.STOP, 2, 0, 0, 0.0)]
    answer = post(broker, ROUTE, {"input": ["a", "b"]}).json()
    assert [item["embedding"] for item in answer["data"]] == [[0.0], [1.0]]


def test_vectors_are_bounded_by_the_memory_for_requests(broker: FakeBroker) -> None:
    limits = {"max_inflight_bytes": 1_000_000, "max_user_inflight_bytes": 1_000_000}
    broker.settings = broker.settings.model_copy(update=limits)
    status, message, _ = error_of(post(broker, ROUTE, {"input": ["a"] * 100, "dimensions": 65_536}))
    assert status == 413
    assert "--max-inflight-bytes" in message or "--max-user-inflight-bytes" in message


def test_an_error_of_the_worker_is_the_clients(broker: FakeBroker) -> None:
    broker.script = [Failed(400, "input[1]: expected less", "input", "context_length_exceeded")]
    response = post(broker, ROUTE, {"input": ["a", "b"]})
    assert error_of(response) == (400, "input[1]: expected less", "input")
    assert response.json()["error"]["code"] == "context_length_exceeded"


def test_prompt_tokens_are_counted() -> None:
    broker = WatchedBroker(script=script_of)
    post(broker, ROUTE, {"input": "a"})
    text = ask(broker, "GET", "/metrics").text
    assert 'nexa_prompt_tokens_total{model="smol"} 9.0' in text
    assert 'endpoint="/v1/embeddings",kind="embedding",model="smol",outcome="done",status="200"' in text
