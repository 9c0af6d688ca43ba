"""Odd pictures and recordings are answered or refused by name, end no worker, and change nobody else's text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import pytest

from tests.support.media.asking import PATH, Messages, asked, colour_chat, colour_file, named, noise_file, said, shown
from tests.support.media.odd_parts import Part, odd_parts, odd_pictures
from tests.support.running_server import RunningServer

PAIRS = ("smolvlm", "qwen2vl")
ODD = [("smolvlm", make) for make in odd_parts().values()] + [("qwen2vl", make) for make in odd_pictures().values()]
NAMES = [*odd_parts(), *(f"{name} for qwen2vl" for name in odd_pictures())]
FIELD = "messages.1.content.1"

COUNTING: dict[str, Any] = {
    "prompt": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,",
    "max_tokens": 24,
    "temperature": 0,
    "ignore_eos": True,
}
"""Goes on in one way only, by such a margin that the batch's shape does not matter."""


def counted(server: RunningServer, model: str) -> str:
    """What another user of the same worker gets."""
    return str(server.post("/v1/completions", {**COUNTING, "model": model})["result"])


@pytest.fixture(scope="module")
def calm(seeing: RunningServer) -> dict[str, str]:
    """The other user's texts without anything odd."""
    return {model: counted(seeing, model) for model in PAIRS}


@pytest.fixture(autouse=True)
def _no_worker_ends(seeing: RunningServer) -> Iterator[None]:
    before = {row["name"]: row["pid"] for row in seeing.workers()}
    yield
    assert {row["name"]: row["pid"] for row in seeing.workers()} == before
    assert sum(row["restarts"] for row in seeing.workers()) == 0


def answered(server: RunningServer, model: str, messages: Messages) -> tuple[int, dict[str, Any]]:
    response = server.client.post(PATH, json={"model": model, "messages": messages, "max_tokens": 2})
    body: dict[str, Any] = response.json()
    return response.status_code, body


def check_answer(status: int, body: dict[str, Any]) -> None:
    if status == HTTPStatus.OK:
        assert body["usage"]["completion_tokens"] > 0
        return
    assert 400 <= status < 500, body
    error = body["error"]
    assert error["message"]
    assert (error["param"] or "").startswith(("messages.", "body.messages.")), error


@pytest.mark.parametrize(("model", "make"), ODD, ids=NAMES)
def test_an_odd_part_harms_nobody(
    seeing: RunningServer, calm: dict[str, str], model: str, make: Callable[[], Part]
) -> None:
    messages = asked(said("See:"), make())
    with ThreadPoolExecutor(1) as others:
        beside = others.submit(counted, seeing, model)
        status, body = answered(seeing, model, messages)
        assert beside.result(120) == calm[model]
    check_answer(status, body)


def test_too_many_pictures(seeing: RunningServer) -> None:
    status, body = answered(seeing, "smolvlm", asked(*[shown(colour_file("red"))] * 17))
    assert (status, body["error"]["param"]) == (400, "messages.1.content.16")


def test_sixteen_pictures_are_answered(seeing: RunningServer) -> None:
    status, body = answered(seeing, "smolvlm", asked(*[shown(noise_file(number)) for number in range(16)]))
    check_answer(status, body)
    assert status == HTTPStatus.OK
    assert body["usage"]["prompt_tokens"] > 16 * 5 * 4


def test_pictures_that_are_longer_than_the_context(seeing: RunningServer) -> None:
    parts = [shown(noise_file(number, 560, 560)) for number in range(8)]  # 400 tokens each
    status, body = answered(seeing, "qwen2vl", asked(*parts))
    assert (status, body["error"]["code"]) == (400, "context_length_exceeded")


def test_a_picture_in_a_message_of_the_assistant(seeing: RunningServer) -> None:
    messages: Messages = [{"role": "assistant", "content": [shown(colour_file("red"))]}]
    status, body = answered(seeing, "smolvlm", [*messages, {"role": "user", "content": "Sure?"}])
    check_answer(status, body)
    assert status == HTTPStatus.BAD_REQUEST


def test_clients_that_leave_their_answers(seeing: RunningServer, calm: dict[str, str]) -> None:
    for number in range(3):
        body = {"model": "qwen2vl", "messages": colour_chat(noise_file(number, 840, 840)), "stream": True}
        with seeing.client.stream("POST", PATH, json={**body, "max_tokens": 400}):
            pass  # the rest is not read
    assert counted(seeing, "qwen2vl") == calm["qwen2vl"]


def test_the_pairs_still_see(seeing: RunningServer) -> None:
    for model in PAIRS:
        assert named(seeing, model, colour_chat(colour_file("green"))) == "green"
